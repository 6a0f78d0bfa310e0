"""Two at once: each ends right, or with a clear "busy running ..."."""

from harness import Case, Result, TINY, boot_sector, main, need


class TwoAtOnce(Case):
    def together(self, *commands):
        processes = [self.store.start(*command) for command in commands]
        results = []
        for process in processes:
            process.stdout, process.stderr = process.communicate(timeout=300)
            results.append(Result(process))
        return results

    def test_two_launches_of_five(self):
        self.store.import_quiet()
        launches = self.together(*[("run", "quiet", "-n", 5, "--type", "t2.nano", "-o", "id")] * 2)
        for launch in launches:
            self.assertEqual(launch.status, 0, launch)
            self.assertEqual(len(launch.lines), 5)
        ids = set(launches[0].lines) | set(launches[1].lines)
        self.assertEqual(len(ids), 10)
        self.assertEqual(set(self.store.domains()), ids)
        self.assertEqual(len({r[0] for r in self.store.rows("SELECT host_port FROM port_forward")}), 10)
        self.assertEqual(len({r[0] for r in self.store.rows("SELECT mac_address FROM instance")}), 10)
        self.assert_clean()
        # And gone again, each half by another process, and all by a third.
        ends = self.together(("terminate", *launches[0].lines), ("terminate", *launches[1].lines), ("terminate", *ids))
        for end in ends:
            self.assertEqual(end.status, 0, end)
        self.assertEqual(self.store.domains(), [])
        self.assert_clean()

    def test_terminate_against_start(self):
        self.store.import_quiet()
        for _ in range(3):
            instance = self.store.ok("run", "quiet", "--type", "t2.nano", "-o", "id").out.strip()
            self.store.ok("stop", "--force", instance)
            start, terminate = self.together(("start", instance), ("terminate", instance))
            self.assertEqual(terminate.status, 0, terminate)
            if start.status != 0:
                self.assertEqual(start.status, 5, start)
                self.assertRegex(start.err, "busy running TerminateInstances|cannot be started: it is (shutting-down|terminated)")
            self.assertEqual(self.store.domains(), [])
            self.assert_clean()

    def test_stop_against_stop_and_reboot(self):
        self.store.import_quiet()
        instance = self.store.ok("run", "quiet", "--type", "t2.nano", "-o", "id").out.strip()
        results = self.together(("stop", "--force", instance), ("stop", "--force", instance), ("reboot", instance))
        for result in results[:2]:
            self.assertEqual(result.status, 0, result)
        self.assertIn(results[2].status, (0, 5), results[2])
        self.assert_clean()

    def test_ten_imports_of_one_file(self):
        need(TINY, "the tiny image")
        imports = self.together(*[("image", "import", TINY, "--name", f"copy-{n}", "--no-inspect") for n in range(10)])
        for result in imports:
            self.assertEqual(result.status, 0, result)
        self.assertEqual(len({r.out.strip() for r in imports}), 10)
        self.assertEqual(len(self.store.files("disks")), 1, "they share one layer")
        self.assert_clean()
        gone = self.together(*[("image", "deregister", f"copy-{n}", "--delete-snapshots") for n in range(10)])
        for result in gone:
            self.assertEqual(result.status, 0, result)
        self.assertEqual(self.store.files("disks"), [])
        self.assert_clean()

    def test_ten_imports_under_one_name(self):
        disk = self.store.folder / "quiet.raw"
        disk.write_bytes(boot_sector().ljust(1 << 20, b"\0"))
        imports = self.together(*[("image", "import", disk, "--name", "quiet", "--no-inspect") for _ in range(10)])
        self.assertEqual(sorted(r.status for r in imports), [0] + [2] * 9)
        for result in imports:
            if result.status:
                self.assertIn("InvalidAMIName.Duplicate", result.err)
        self.assert_clean()

    def test_ten_first_commands_make_one_store(self):
        for result in self.together(*[("ps",)] * 10):
            self.assertEqual(result.status, 0, result)
        self.assertEqual(len(self.store.rows("SELECT id FROM store")), 1)


if __name__ == "__main__":
    main()
