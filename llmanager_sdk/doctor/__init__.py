"""Whether an account is as llmanager needs it, what would mend it, and what AWS really does.

Finding
    A check looks, changes nothing, and says what it found, with the fixes that would mend it.
Fix
    Bears a name that a person can agree to; may be carried out again and again.
Probe
    `live` tries facts about AWS that nobody has verified, in an account of the user's, with a
    limit on what it may cost; it cleans up whatever happens, and writes a report.
"""
