"""What the unit tests of the API were answered, held against EC2's model: each element is known, what clients need is there, and no action is missing.

    ec2_answers_test.py FILE    as amivirt_unit_ec2 wrote it (AMIVIRT_EC2_ANSWERS)"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))
import ec2_model  # noqa: E402

SKIPPED = 125
# Actions that Debian's botocore (1.29, December 2022) has not, so that nothing tells what their answers should be.
YOUNGER = {
    "EnableImage", "DisableImage", "EnableImageDeregistrationProtection", "DisableImageDeregistrationProtection", "GetImageAncestry",
    "EnableImageBlockPublicAccess", "DisableImageBlockPublicAccess", "GetImageBlockPublicAccessState", "EnableAllowedImagesSettings",
    "DisableAllowedImagesSettings", "GetAllowedImagesSettings", "ReplaceImageCriteriaInAllowedImagesSettings", "EnableSnapshotBlockPublicAccess",
    "DisableSnapshotBlockPublicAccess", "GetSnapshotBlockPublicAccessState",
}


def answers(path):
    """(action, body) of each: a line `ACTION LENGTH`, then so many bytes."""
    with open(path, "rb") as file:
        while line := file.readline():
            action, length = line.split()
            yield action.decode(), file.read(int(length))


def main(path):
    if ec2_model.botocore is None:
        print("skipped: python3-botocore is not installed")
        return SKIPPED
    known = set(ec2_model.actions())
    checker = ec2_model.Checker()
    seen = set()
    for action, body in answers(path):
        seen.add(action)
        if action in known:
            checker.look_at(ec2_model.model_of(action), body)
    wrong = sorted(set(checker.wrong))
    table = set(ec2_model.table())
    wrong += [f"{action} was answered by no unit test" for action in sorted(table - seen)]
    wrong += [f"{action} is not in the model, and not known to be younger" for action in sorted(table - known - YOUNGER)]
    wrong += [f"REQUIRED names {action}, which is no action here" for action in sorted(set(ec2_model.REQUIRED) - table)]
    print("\n".join(wrong) or f"{len(seen)} actions, as the model has them")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
