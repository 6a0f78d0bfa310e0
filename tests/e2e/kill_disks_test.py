"""kill -9 at each step of what changes volumes and snapshots: old state or new state, and nothing lost that was synced."""

import os
import pathlib
import signal

from harness import GuestCase, main, serial, virsh, wait_until
from kill_walk import Walk


def kill_qemu(instance):
    """At once: `virsh destroy` asks first, and QEMU flushes then."""
    pids = [int(p.name) for p in pathlib.Path("/proc").iterdir() if p.name.isdigit() and names_guest(p, instance)]
    assert len(pids) == 1, (instance, pids)
    os.kill(pids[0], signal.SIGKILL)
    wait_until(lambda: virsh("domstate", instance).strip() == "shut off", 20, "libvirt has seen it")


def names_guest(process, instance):
    try:
        words = (process / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return b"-name" in words and f"guest={instance}".encode() in words[words.index(b"-name") + 1]


class KillOfDisks(GuestCase, Walk):
    def setUp(self):
        super().setUp()
        self.store.import_tiny()

    def machine(self):
        if not getattr(self, "kept", None):
            self.kept = self.launch("--name", "kept")
            self.ssh(self.kept, "echo synced > /root/proof; sync")
        return self.kept

    def assert_proof(self):
        self.assertEqual(self.ssh(self.kept, "cat /root/proof").strip(), "synced")
        self.assert_sound()

    def assert_sound(self):
        result = self.store.run("fsck")
        self.assertEqual(result.status, 0, result)

    def drop_snapshots(self):
        ids = self.store.ok("snapshot", "list", "--filter", "volume-id=vol-*", "-o", "id").lines
        if ids:
            self.store.ok("snapshot", "delete", *ids)

    def drop_volumes(self):
        for volume in self.store.ok("volume", "list", "-o", "json").json["Volumes"]:
            if volume["Attachments"] and volume["Attachments"][0]["Device"].startswith("/dev/sda"):
                continue
            if volume["Attachments"]:
                self.store.ok("volume", "detach", volume["VolumeId"])
            self.store.ok("volume", "delete", volume["VolumeId"])

    def end(self):
        self.drop_volumes()
        self.drop_snapshots()
        if getattr(self, "kept", None):
            self.store.ok("terminate", self.kept)
        self.assert_clean()

    def test_snapshot_of_a_running_machine(self):
        instance = self.machine()
        number = iter(range(1000))

        def prepare():
            mark = str(next(number))
            self.ssh(instance, f"echo {mark} > /root/mark; sync")
            return mark

        def check(mark, _point):
            self.assertEqual(self.ssh(instance, "cat /root/mark").strip(), mark)
            self.assert_proof()

        self.walk(prepare, lambda _: ("snapshot", "create", "--instance", instance), lambda _: self.drop_snapshots(), check)
        self.end()

    def test_snapshot_while_qemu_is_killed_too(self):
        """The worst moment: the guest has moved to its new layers, and neither amivirt nor QEMU lives to tell."""
        instance = self.machine()
        points = self.points("snapshot", "create", "--instance", instance)
        self.drop_snapshots()
        for name in ("snapshot.overlay", "snapshot.switched", "snapshot.sealed"):
            self.ssh(instance, f"echo {name} > /root/mark; sync")
            step = points.index(name) + 1
            killed = self.store.run("snapshot", "create", "--instance", instance, AMIVIRT_FAULT_KILL_AT=str(step))
            self.assertEqual(killed.status, -signal.SIGKILL, killed)
            self.ssh(instance, "echo after > /root/after; sync")
            kill_qemu(instance)
            self.store.ok("ps")
            self.store.ok("start", instance, "--wait", "ssh")
            self.assertEqual(self.ssh(instance, "cat /root/mark /root/after").split(), [name, "after"])
            self.assert_proof()
            self.drop_snapshots()
        self.end()

    def test_attach_and_detach_on_a_running_machine(self):
        instance = self.machine()

        def make():
            return self.store.ok("volume", "create", "--size", 1).out.strip()

        def check(volume, _point):
            attached = bool(self.volume(volume)["Attachments"])
            self.assertEqual(f"<serial>{serial(volume)}</serial>" in virsh("dumpxml", instance), attached)
            self.assert_sound()

        def make_attached():
            volume = make()
            self.store.ok("volume", "attach", volume, instance)
            return volume

        self.walk(make, lambda volume: ("volume", "attach", volume, instance), lambda _: self.drop_volumes(), check)
        self.walk(make_attached, lambda volume: ("volume", "detach", volume), lambda _: self.drop_volumes(), check)
        self.assert_proof()
        self.end()

    def test_create_resize_and_delete(self):
        instance = self.machine()

        def made():
            return self.store.ok("volume", "create", "--size", 1).out.strip()

        def made_and_attached():
            volume = made()
            self.store.ok("volume", "attach", volume, instance)
            return volume

        def same_size(volume, _point):
            layer = self.store.rows("SELECT layer FROM volume WHERE id = ?", volume)[0][0]
            size = self.volume(volume)["Size"]
            self.assertIn(size, (1, 2))
            with open(self.store.region / "disks" / f"{layer}.qcow2", "rb") as file:
                header = file.read(32)
            self.assertEqual(int.from_bytes(header[24:32], "big"), size << 30)
            self.assert_sound()

        drop = lambda _=None: self.drop_volumes()
        sound = lambda *_: self.assert_sound()
        self.walk(lambda: None, lambda _: ("volume", "create", "--size", 1), drop, sound)
        self.store.ok("volume", "create", "--size", 1, "--encrypted")  # makes the region's key, so that all that follow pass the same points
        drop()
        self.walk(lambda: None, lambda _: ("volume", "create", "--size", 1, "--encrypted"), drop, sound)
        self.walk(made, lambda volume: ("volume", "resize", volume, 2), drop, same_size)
        self.walk(made_and_attached, lambda volume: ("volume", "resize", volume, 2), drop, same_size)
        self.walk(made, lambda volume: ("volume", "delete", volume), drop, sound)
        self.end()

    def test_delete_of_snapshots_gc_and_flatten(self):
        def snapshots(count):
            volume = self.store.ok("volume", "create", "--size", 1).out.strip()
            return volume, [self.store.ok("snapshot", "create", volume).out.strip() for _ in range(count)]

        def drop(_=None):
            self.drop_volumes()
            self.drop_snapshots()

        def deep():
            volume, ids = snapshots(10)
            return volume

        sound = lambda *_: self.assert_sound()
        self.walk(lambda: snapshots(2), lambda made: ("snapshot", "delete", made[1][0]), drop, sound)
        self.walk(deep, lambda _: ("gc", "--flatten"), drop, sound)
        self.end()


if __name__ == "__main__":
    main()
