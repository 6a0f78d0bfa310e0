"""The files of the project: what git knows or would take, or, without git, everything that no build made."""
import os
import subprocess


def files(root):
    """Paths relative to root, sorted."""
    try:
        listed = subprocess.run(["git", "-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                                capture_output=True, check=True).stdout
        names = {os.fsdecode(name) for name in listed.split(b"\0") if name}
    except (OSError, subprocess.CalledProcessError):
        names = set()
    if not names:
        for folder, folders, found in os.walk(root):
            folders[:] = [name for name in folders if name not in (".git", ".cache", "build", "__pycache__")]
            names |= {os.path.relpath(os.path.join(folder, name), root) for name in found}
    return sorted(name for name in names if os.path.isfile(os.path.join(root, name)))
