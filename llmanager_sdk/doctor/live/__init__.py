"""What nobody has verified about AWS, tried in an account, for money, with a limit on it.

Probe
    A fact, where the code relies on it, what is expected, and one function that looks.
Bench
    What probes work on: clients, rows, a meter, and whatever has to be removed afterwards. All
    that costs money is recorded as a life first, so that the reaper removes it if this process
    cannot.
Run
    `run` shows what it may cost, tries one probe after the other, and cleans up whatever happens.
Report
    Markdown for people and JSON for programs: fact, expected, seen, verdict, seconds, dollars.
"""
