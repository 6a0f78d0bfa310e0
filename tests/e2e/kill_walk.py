"""A command, killed at each of its fault points in turn."""

import signal


class Walk:
    """For a Case."""

    def points(self, *command):
        """The fault points that a run of `command` passes."""
        trace = self.store.folder / "trace"
        trace.unlink(missing_ok=True)
        self.store.ok(*command, AMIVIRT_FAULT_TRACE=str(trace))
        if not trace.exists():
            self.skipTest("this build has no fault points (AMIVIRT_FAULT_INJECTION)")
        return trace.read_text().split()

    def walk(self, prepare, command, clean_up, check=None, skip=()):
        """Kills `command` at its first, second, ... fault point, each time on a state made by `prepare`; not where names begin with `skip`."""
        self.store.ok("ps")  # makes the store, so that all that follow pass the same points
        context = prepare()
        points = self.points(*command(context))
        clean_up(context)
        self.assertGreater(len(points), 3)
        for k, name in enumerate(points, 1):
            if name.startswith(skip):
                continue
            with self.subTest(step=k, point=name):
                context = prepare()
                killed = self.store.run(*command(context), AMIVIRT_FAULT_KILL_AT=str(k))
                self.assertEqual(killed.status, -signal.SIGKILL, killed)
                self.store.ok("ps")
                if check:
                    check(context, name)
                self.assert_clean()
                clean_up(context)
        self.assert_clean()
