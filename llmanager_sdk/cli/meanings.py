"""Every setting in words: the options of `llmanager init`, and the comments of the file it writes.

Data alone, so that the parser stays light.
"""

from __future__ import annotations

MEANINGS: dict[str, tuple[str, str]] = {
    "platform": ("local|aws", "where resources live; nothing that costs money starts on local"),
    "namespace": ("NAME", "prefixes every name and tags every resource; at most 8 letters, digits"),
    "region": ("REGION", "the region of AWS; without it, what the AWS configuration says"),
    "profile": ("NAME", "a profile of the AWS configuration"),
    "assume_role": ("ARN", "a role that this process takes on"),
    "role": ("ARN", "the role that SageMaker takes on; without it, the one of the stack"),
    "subnets": ("IDS", "subnets of a VPC that endpoints are attached to; with security_groups"),
    "security_groups": ("IDS", "security groups of that VPC"),
    "kms_key": ("KEY", "a key of KMS that encrypts the volumes of endpoints"),
    "cap": ("$/H", "the most that everything may cost together; only lowers the cap of the stack"),
    "home": ("FOLDER", "where everything local is kept; never on a network file system"),
    "local_model": ("MODEL", "one model that stands in for every name on local"),
    "offline": ("yes|no", "never try a download"),
}
"""What stands for a value, and what it does; in the order of the file."""
