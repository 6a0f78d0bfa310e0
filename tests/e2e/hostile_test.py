"""`amivirt serve` and requests that mean no good: each gets a well-formed answer or is turned away, and the store stays as it was.

Requests are made and signed here, byte by byte: no client would send them."""

import datetime
import hashlib
import hmac
import select
import signal
import socket
import subprocess
import time
import unittest
import urllib.parse
import xml.etree.ElementTree as tree

from harness import AMIVIRT, Store, main, need

SPACE = "{http://ec2.amazonaws.com/doc/2016-11-15/}"
REGION = "us-east-1"


def quote(value):
    """Percent-encoded; bytes stay what they are."""
    return urllib.parse.quote(value if isinstance(value, bytes) else str(value).encode(), safe="-._~")


def form(action, **parameters):
    return "&".join([f"Action={action}", "Version=2016-11-15", *(f"{n.replace('__', '.')}={quote(v)}" for n, v in parameters.items())])


class Answer:
    def __init__(self, raw):
        head, _, self.body = raw.partition(b"\r\n\r\n")
        self.status = int(head.split(b" ")[1]) if head.startswith(b"HTTP/1.1 ") else 0
        self.raw = raw

    @property
    def xml(self):
        """Fails where the body is not well-formed."""
        return tree.fromstring(self.body)

    @property
    def code(self):
        found = self.xml.find(".//Code")
        return "" if found is None else found.text

    def texts(self, name):
        return [element.text or "" for element in self.xml.iter(f"{SPACE}{name}")]

    def __repr__(self):
        return repr(self.raw[:2000])


class Hostile(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        need(AMIVIRT, "the amivirt binary")
        cls.store = Store()
        cls.addClassCleanup(cls.store.close)
        cls.store.region = cls.store.home / "regions" / REGION
        cls.store.environment["AMIVIRT_REGION"] = REGION
        cls.keys = {}
        for name, number in (("anna", "111122223333"), ("berta", "444455556666")):
            key = cls.store.ok("account", "create", "--alias", name, "--id", number, "-o", "json").json["AccessKey"]
            cls.keys[name] = key["AccessKeyId"], key["SecretAccessKey"]
        cls.server = cls.store.start("serve", "--listen", "127.0.0.1:0", "--regions", REGION)
        cls.addClassCleanup(cls.server.communicate)
        cls.addClassCleanup(cls.server.kill)
        ready, _, _ = select.select([cls.server.stdout], [], [], 60)
        host, port = cls.server.stdout.readline().strip().removeprefix("http://").split(":") if ready else (None, 0)
        assert host, "the server said nothing"
        cls.address = host, int(port)
        cls.image = cls.store.import_quiet("quiet", "--account", "anna")
        cls.volume = cls.store.ok("volume", "create", "--size", 1, "--account", "anna").out.strip()
        cls.snapshot = cls.store.ok("snapshot", "create", cls.volume, "--account", "anna").out.strip()

    def tearDown(self):
        """Whatever came: the server goes on, and nothing leaked."""
        self.assertIsNone(self.server.poll(), "the server has ended")
        self.assertEqual(self.ask_raw(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").body, b"ok\n")
        self.assertEqual(self.store.leaks(), [])

    # Requests.
    def ask_raw(self, data):
        with socket.create_connection(self.address, timeout=60) as connection:
            try:
                connection.sendall(data)
            except (BrokenPipeError, ConnectionResetError):
                pass  # it need not read what it refuses
            answer = b""
            try:
                while chunk := connection.recv(65536):
                    answer += chunk
            except ConnectionResetError:
                pass
            return Answer(answer)

    def signed(self, body, key="anna", region=REGION, service="ec2", when=None, headers=(), date=None, secret=None):
        """A signed POST, as bytes."""
        body = body if isinstance(body, bytes) else body.encode()
        when = when or datetime.datetime.now(datetime.timezone.utc)
        stamp = when.strftime("%Y%m%dT%H%M%SZ")
        date = date or stamp[:8]
        identity, known = self.keys[key]
        sent = [("host", f"{self.address[0]}:{self.address[1]}"), ("x-amz-date", stamp), *headers]
        names = ";".join(sorted(name for name, _ in sent))
        canonical = "\n".join(["POST", "/", "", *(f"{n}:{v}" for n, v in sorted(sent)), "", names, hashlib.sha256(body).hexdigest()])
        scope = f"{date}/{region}/{service}/aws4_request"
        text = "\n".join(["AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()])
        secret = f"AWS4{secret or known}".encode()
        for part in (date, region, service, "aws4_request"):
            secret = hmac.new(secret, part.encode(), hashlib.sha256).digest()
        signature = hmac.new(secret, text.encode(), hashlib.sha256).hexdigest()
        lines = [f"{n}: {v}" for n, v in sent] + [
            f"Authorization: AWS4-HMAC-SHA256 Credential={identity}/{scope}, SignedHeaders={names}, Signature={signature}",
            f"Content-Length: {len(body)}", "Content-Type: application/x-www-form-urlencoded", "Connection: close"]
        return ("POST / HTTP/1.1\r\n" + "\r\n".join(lines) + "\r\n\r\n").encode() + body

    def ask(self, body, **options):
        return self.ask_raw(self.signed(body, **options))

    def ok(self, body, **options):
        answer = self.ask(body, **options)
        self.assertEqual(answer.status, 200, answer)
        self.assertTrue(answer.xml.tag.startswith(SPACE), answer)
        return answer

    def refused(self, code, body, **options):
        """An error in EC2's form, and nothing changed."""
        before = self.store.state()
        answer = self.ask(body, **options)
        self.assertIn(answer.status, range(400, 500), answer)
        self.assertEqual(answer.code, code, answer)
        self.assertLess(len(answer.body), 2000, "a message quotes little of what was sent")
        self.assertEqual(self.store.state(), before)
        return answer

    # Parameters.
    def test_indices_however_deep_or_large(self):
        self.assertEqual(self.ok("Action=DescribeImages&Filter.999999.Name=name&Filter.999999.Value.1=quiet").texts("imageId"), [self.image])
        self.assertEqual(self.ok("Action=DescribeImages&Filter.0.Name=name&Filter.0.Value.18446744073709551615=quiet").texts("imageId"), [self.image])
        for name in ("Filter.18446744073709551616.Name", "Filter.-1.Name", "Filter.1x.Name", "Filter.1.Name.1", "Filter..Name", "Filter.1..Name",
                     "Filter", "Filter.1.Value.1.Value.1", "a." * 20000 + "b"):
            with self.subTest(name=name[:40]):
                answer = self.ask(f"Action=DescribeImages&{name}=x")
                self.assertEqual(answer.status, 400, answer)
                self.assertIn(answer.code, ("UnknownParameter", "MissingParameter"))
                self.assertLess(len(answer.body), 2000)
        # "01" beside "1" is neither taken for it nor passed over.
        self.refused("InvalidParameterValue", "Action=DescribeImages&Filter.1.Name=name&Filter.1.Value.1=quiet&Filter.01.Name=colour&Filter.01.Value.1=x")

    def test_huge_numbers_of_parameters(self):
        ids = lambda count: "&".join(f"ImageId.{n}=ami-{n:017x}" for n in range(count))
        began = time.monotonic()
        self.refused("InvalidParameterValue", "Action=DescribeImages&" + ids(25000))
        self.refused("InvalidAMIID.NotFound", "Action=DescribeImages&" + ids(1000))
        self.refused("FilterLimitExceeded", "Action=DescribeImages&" + "&".join(f"Filter.{n}.Name=name&Filter.{n}.Value.1=x" for n in range(51)))
        self.refused("FilterLimitExceeded", "Action=DescribeImages&Filter.1.Name=name&" + "&".join(f"Filter.1.Value.{n}=x" for n in range(201)))
        self.refused("UnknownParameter", "Action=DescribeImages&" + "&".join(f"Unheard.{n}=" for n in range(60000)))
        self.refused("InvalidParameterValue", "Action=DescribeImages&Filter.1.Name=name&Filter.1.Value.1=x&MaxResults=" + "9" * 500000)
        self.refused("InvalidParameterValue", f"Action=CreateTags&ResourceId.1={self.image}&Tag.1.Key=" + "k" * 900000 + "&Tag.1.Value=v")
        many = "&".join(f"Tag.{n}.Key=k{n}&Tag.{n}.Value=v" for n in range(10000))
        self.refused("TagLimitExceeded", f"Action=CreateTags&ResourceId.1={self.image}&{many}")
        self.ok("Action=DescribeImages&Filter.1.Name=name&Filter.1.Value.1=" + "*" * 300 + "x")  # wildcards that could be tried in many ways
        self.assertLess(time.monotonic() - began, 120, "with sanitizers, on a busy machine")

    def test_a_body_of_10_megabytes(self):
        # Announced and sent; signed rightly, so that nothing but its size is wrong.
        answer = self.ask(b"Action=DescribeImages&Filter.1.Name=" + b"x" * (10 << 20))
        self.assertEqual((answer.status, answer.code), (413, "RequestEntityTooLarge"), answer)
        self.assertEqual(self.ask(b"&" * (1 << 20) + b"Action=DescribeImages").status, 413)
        self.assertEqual(self.ok(b"&" * (1 << 19) + b"Action=DescribeImages").texts("imageId"), [self.image])

    def test_parameters_said_twice(self):
        for body in ("Action=DescribeImages&Owner.1=self&Owner.1=self", "Action=DescribeImages&Action=DescribeVolumes", "Action=DescribeImages&%41ction=x",
                     f"Action=DeregisterImage&ImageId={self.image}&DryRun=true&DryRun=false"):
            with self.subTest(body=body):
                self.assertIn("more than once", self.refused("InvalidParameterValue", body).body.decode())

    # Texts.
    BAD_TEXTS = (b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82", b"\xf8\x88\x80\x80\x80")

    def test_texts_that_are_not_utf_8(self):
        for text in self.BAD_TEXTS:
            with self.subTest(text=text):
                self.refused("InvalidParameterValue", form("CreateTags", ResourceId__1=self.image, Tag__1__Key=b"k" + text, Tag__1__Value="v"))
                self.refused("InvalidParameterValue", b"Action=DescribeImages&Filter.1.Name=" + text)  # as it is, not encoded
                self.refused("InvalidParameterValue", b"Action=DescribeImages&" + text + b"=1")
        for text in ("%", "%4", "%zz", "%u0041"):
            with self.subTest(text=text):
                self.refused("InvalidParameterValue", f"Action=DescribeImages&Filter.1.Name={text}")

    def test_control_characters(self):
        for code in (*range(1, 9), 0x0b, 0x0c, 0x0e, 0x1b, 0x1f, 0):
            text = b"a" + bytes([code]) + b"b"
            with self.subTest(code=code):
                self.refused("InvalidParameterValue", form("CreateTags", ResourceId__1=self.image, Tag__1__Key=text, Tag__1__Value="v"))
                self.refused("InvalidParameterValue", form("CreateTags", ResourceId__1=self.image, Tag__1__Key="k", Tag__1__Value=text))
                self.assertEqual(self.ok(form("DescribeImages", Filter__1__Name="name", Filter__1__Value__1=text)).texts("imageId"), [])
        # In what an error quotes: the action, a name, a parameter's name.
        self.refused("InvalidAction", form(quote(b"Describe\x01\x1b[2JImages<&>")))
        self.refused("InvalidAMIID.Malformed", form("DescribeImages", ImageId__1=b"a\x01<b>&\x00"))
        self.refused("UnknownParameter", "Action=DescribeImages&%01%3Cb%3E%00=1")
        self.refused("InvalidParameterValue", form("DescribeImages", Filter__1__Name=b"na\x02me<", Filter__1__Value__1="x"))
        self.refused("InvalidAMIName.Malformed", form("CopyImage", SourceImageId=self.image, SourceRegion=REGION, Name=b"na\x0bme"))

    def test_texts_that_are_allowed_come_back_as_they_went(self):
        tags = {"<k>&amp;\"'": "]]><!-- x -->", "quotes": "\"'`$(x)", "\U0001f600 \u20ac": "\u202etxt\u2028", "\ufeffbom": "\ufffd", "e\u0301": "\u00e9", " blank ": "  ",
                "percent": "%41+b&c=d", "\x7f": "\x85\u0080"}
        asked = [("ResourceId.1", self.snapshot)]
        for number, (key, value) in enumerate(tags.items()):
            asked += [(f"Tag.{number}.Key", key), (f"Tag.{number}.Value", value)]
        self.ok("Action=CreateTags&" + "&".join(f"{n}={quote(v)}" for n, v in asked))
        described = self.ok(form("DescribeTags", Filter__1__Name="resource-id", Filter__1__Value__1=self.snapshot))
        self.assertEqual(dict(zip(described.texts("key"), described.texts("value"))), tags)
        shown = self.ok(form("DescribeSnapshots", SnapshotId__1=self.snapshot))
        self.assertEqual(dict(zip(shown.texts("key"), shown.texts("value"))), tags)
        for key, value in tags.items():
            found = self.ok("Action=DescribeSnapshots&Filter.1.Name=" + quote("tag:" + key) + "&Filter.1.Value.1=" + quote(value))
            self.assertEqual(found.texts("snapshotId"), [self.snapshot], key)
        # The command line says the same of them.
        told = self.store.ok("snapshot", "show", self.snapshot, "--account", "anna", "-o", "json").json["Snapshots"][0]["Tags"]
        self.assertEqual({t["Key"]: t["Value"] for t in told}, tags)
        self.ok(form("DeleteTags", ResourceId__1=self.snapshot))

    # Signatures.
    def test_replayed_and_changed(self):
        request = self.signed("Action=DescribeImages")
        self.assertEqual([self.ask_raw(request).texts("imageId") for _ in range(2)], [[self.image]] * 2)  # as EC2: within its time it is good
        self.assertEqual(self.ask_raw(request.replace(b"DescribeImages", b"DescribeImagex")).code, "SignatureDoesNotMatch")
        self.assertEqual(self.ask_raw(request.replace(b"host: ", b"host: other.")).code, "SignatureDoesNotMatch")
        self.assertEqual(self.ask_raw(request.replace(b"POST / ", b"POST /?DryRun=true ")).code, "SignatureDoesNotMatch")
        self.assertEqual(self.ask_raw(request.replace(b"Connection:", b"X-Amz-Target: x\r\nConnection:")).code, "AuthFailure")
        now = datetime.datetime.now(datetime.timezone.utc)
        for minutes in (-16, 16, -60 * 24 * 365):
            self.refused("RequestExpired", "Action=DescribeImages", when=now + datetime.timedelta(minutes=minutes))
        self.refused("AuthFailure", "Action=DescribeImages", date="20200101")
        # A change that is sent again is made once, or refused.
        token = self.signed(form("CreateVolume", AvailabilityZone=REGION + "a", Size=1, ClientToken="once"))
        volumes = [self.ask_raw(token).texts("volumeId") for _ in range(2)]
        self.assertEqual((len(volumes[0]), volumes[0]), (1, volumes[1]))
        self.ok(form("DeleteVolume", VolumeId=volumes[0][0]))

    def test_of_another_scope(self):
        for options in ({"region": "mars-1"}, {"service": "s3"}, {"service": ""}, {"region": "../" + REGION}, {"region": "\x01<x>".replace("\x01", "%01")}):
            with self.subTest(options=options):
                self.refused("AuthFailure", "Action=DescribeImages", **options)
        self.refused("SignatureDoesNotMatch", "Action=DescribeImages", secret="x" * 40)
        self.assertEqual(self.ask("Action=DescribeImages", service="sts").status, 400)  # an action that STS has not
        for value in ("", "AWS4-HMAC-SHA256", "AWS4-HMAC-SHA256 Credential=", "AWS4-HMAC-SHA256 " + "Credential=a/b/c/d/e," * 500, "Basic eDp5", "\xff"):
            with self.subTest(value=value[:40]):
                answer = self.ask_raw(b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: " + value.encode("latin1") +
                                      b"\r\nContent-Length: 21\r\n\r\nAction=DescribeImages")
                self.assertIn(answer.status, (400, 401, 403), answer)
                self.assertIn(answer.code, ("AuthFailure", "MissingAuthenticationToken"))

    # Others' things.
    def test_ids_of_another_account(self):
        as_other = {"key": "berta"}
        self.assertEqual(self.ok("Action=DescribeImages", **as_other).texts("imageId"), [])
        self.assertEqual(self.ok("Action=DescribeVolumes", **as_other).texts("volumeId"), [])
        self.assertEqual(self.ok("Action=DescribeSnapshots&Owner.1=self", **as_other).texts("snapshotId"), [])
        self.assertEqual(self.ok("Action=DescribeTags", **as_other).texts("key"), [])
        image, volume, snapshot = self.image, self.volume, self.snapshot
        for code, body in (
                ("InvalidAMIID.NotFound", form("DescribeImages", ImageId__1=image)),
                ("InvalidVolume.NotFound", form("DescribeVolumes", VolumeId__1=volume)),
                ("InvalidSnapshot.NotFound", form("DescribeSnapshots", SnapshotId__1=snapshot)),
                ("InvalidVolume.NotFound", form("DeleteVolume", VolumeId=volume)),
                ("InvalidVolume.NotFound", form("CreateSnapshot", VolumeId=volume)),
                ("InvalidVolume.NotFound", form("ModifyVolume", VolumeId=volume, Size=2)),
                ("InvalidSnapshot.NotFound", form("CreateVolume", SnapshotId=snapshot, AvailabilityZone=REGION + "a"))):
            with self.subTest(body=body):
                self.refused(code, body, **as_other)
        # These are known to be there, or not: either way nothing of them is done.
        for body in (form("DeregisterImage", ImageId=image), form("DeleteSnapshot", SnapshotId=snapshot),
                     form("ModifyImageAttribute", ImageId=image, LaunchPermission__Add__1__Group="all"), form("DisableImage", ImageId=image),
                     form("RunInstances", ImageId=image, MinCount=1, MaxCount=1, InstanceType="t3.nano"),
                     form("CopyImage", SourceImageId=image, SourceRegion=REGION, Name="mine"),
                     form("CreateTags", ResourceId__1=image, Tag__1__Key="k", Tag__1__Value="v"),
                     form("DeleteTags", ResourceId__1=volume, Tag__1__Key="k")):
            with self.subTest(body=body):
                before = self.store.state()
                answer = self.ask(body, **as_other)
                self.assertIn(answer.status, (400, 401, 403), answer)
                self.assertRegex(answer.code, r"^(AuthFailure|OperationNotPermitted|Invalid\w+\.NotFound|InvalidID)$")
                self.assertEqual(self.store.state(), before)

    # HTTP.
    def test_floods_of_headers(self):
        few = b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        self.assertEqual(self.ask_raw(few + b"".join(b"X-%d: 1\r\n" % n for n in range(10000)) + b"\r\n").status, 431)
        answer = self.ask_raw(few + b"X: " + b"x" * 100000 + b"\r\n\r\n")
        self.assertEqual((answer.status, answer.code), (431, "RequestHeaderSectionTooLarge"), answer)
        self.assertEqual(self.ask_raw(b"GET /?" + b"a" * 100000 + b" HTTP/1.1\r\nHost: x\r\n\r\n").status, 431)
        self.assertIn(self.ask_raw(few + b"a" * 2000000).status, (400, 431))
        # As many as go in, each of them signed.
        flood = [(f"x-{n}", "1") for n in range(600)]
        self.assertEqual(self.ok("Action=DescribeImages", headers=flood).texts("imageId"), [self.image])
        # Many headers, and many names that are said to be signed: neither is searched for each of the other.
        identity, _ = self.keys["anna"]
        today = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%d")
        claim = (f"Authorization: AWS4-HMAC-SHA256 Credential={identity}/{today}/{REGION}/ec2/aws4_request, SignedHeaders=host;" + "a;" * 7000 +
                 f"a, Signature={'0' * 64}\r\nX-Amz-Date: {today}T000000Z\r\n").encode()
        began = time.monotonic()
        answer = self.ask_raw(few + claim + b"b:\r\n" * 3000 + b"Content-Length: 21\r\n\r\nAction=DescribeImages")
        self.assertIn(answer.code, ("AuthFailure", "RequestExpired", "SignatureDoesNotMatch"))
        self.assertLess(time.monotonic() - began, 20)

    def test_it_all_comes_at_once(self):
        """Connections that say nothing, half a request, or garbage, while a good one is answered."""
        idle = [socket.create_connection(self.address, timeout=60) for _ in range(100)]
        try:
            for number, connection in enumerate(idle):
                connection.sendall((b"", b"POST / HTTP/1.1\r\nHost", b"\x00\xff" * 50, b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\n")[number % 4])
            self.assertEqual(self.ok("Action=DescribeImages").texts("imageId"), [self.image])
        finally:
            for connection in idle:
                connection.close()

    @classmethod
    def tearDownClass(cls):
        cls.server.send_signal(signal.SIGTERM)
        try:
            status = cls.server.wait(60)
        except subprocess.TimeoutExpired:
            status = None
        assert status == 0, f"the server ended with {status}"


if __name__ == "__main__":
    main()
