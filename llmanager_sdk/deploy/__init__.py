"""The stack in the user's account: what makes it, changes it, and takes it away again.

Wanted
    `stacks.wanted` says, from a template and what a person asked for, what a stack should be.
Found
    `gateway.CloudFormation` is the only one who talks to CloudFormation: it looks, and it acts.
Step
    `stacks.next_step` says, from what is found, the one next step. There is no script: whoever
    comes after a crash looks again, and goes on from what is there.
Proposed
    `up` makes change sets and shows what they would change, and what the stack costs while
    nothing runs (`floor`). Nothing is changed before somebody agrees.
Done
    `up` carries them out and tells what happens. `down` looks what there is in a namespace
    (`survey`), makes a list of what it is going to do, and does it once somebody agrees.
"""
