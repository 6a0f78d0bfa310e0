"""Who reads stdout, and stops reading; a stdout that cannot be written."""

import subprocess

from harness import AMIVIRT, Case, TINY, main, need


class Output(Case):
    def piped_into(self, reader, *words, timeout=60):
        """`amivirt words | reader`: the reader's output, amivirt's status and stderr."""
        writer = self.store.start(*words)
        with subprocess.Popen(reader, stdin=writer.stdout, stdout=subprocess.PIPE, text=True) as process:
            writer.stdout.close()
            said = process.communicate(timeout=timeout)[0]
        errors = writer.stderr.read()
        writer.stderr.close()
        return said, writer.wait(timeout=timeout), errors

    def test_a_reader_that_ends_early_is_no_fault(self):
        for words in (("ps",), ("--version",), ("--help",), ("instance-type", "list", "-o", "json")):
            self.assertEqual(self.piped_into(["true"], *words), ("", 0, ""), words)
        self.assertEqual(self.piped_into(["head", "-n", "1"], "run", "--help")[1:], (0, ""))

    def test_what_else_fails_is_told_all_the_same(self):
        _, status, errors = self.piped_into(["true"], "image", "show", "nobody")
        self.assertEqual((status, "InvalidAMIID.NotFound" in errors), (3, True), errors)

    def test_a_full_disk_is_a_fault(self):
        for words in (("ps",), ("--version",), ("--help",)):
            with open("/dev/full", "w", encoding="ascii") as full:
                ran = subprocess.run([AMIVIRT, *words], env=self.store.environment, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
            self.assertEqual((ran.returncode, "No space left on device" in ran.stderr), (1, True), (words, ran))

    def test_following_a_console_ends_with_its_reader(self):
        need(TINY, "the tiny image")
        self.store.import_tiny()
        instance = self.store.ok("run", "tiny", "--type", "t2.nano", "-o", "id").out.strip()
        said, status, errors = self.piped_into(["head", "-n", "1"], "console", "-f", instance)
        self.assertEqual((said.count("\n"), status, errors), (1, 0, ""))
        self.store.ok("terminate", instance)
        self.assert_clean()


if __name__ == "__main__":
    main()
