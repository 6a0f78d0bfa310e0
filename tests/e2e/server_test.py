"""`amivirt serve` as a server: TLS, sockets handed over, client tokens over kills, metrics, reset, limits, web pages, many launches at once."""

import concurrent.futures
import http.client
import json
import os
import select
import signal
import socket
import ssl
import subprocess
import threading
import time
import unittest

from harness import AMIVIRT, TINY, Store, main, need, wait_until

try:
    import boto3
    import botocore.auth
    import botocore.awsrequest
    import botocore.config
    import botocore.credentials
    import botocore.exceptions
except ImportError:
    boto3 = None


class Server:
    """`amivirt serve`, on a free port if not told otherwise."""

    def __init__(self, store, *words, **environment):
        words = words if "--listen" in words else ("--listen", "127.0.0.1:0", *words)
        words = words if "--regions" in words else ("--regions", "us-east-1", *words)
        self.process = store.start("serve", *words, **environment)
        self.said = []
        self.listener = threading.Thread(target=lambda: self.said.extend(self.process.stderr), daemon=True)
        self.listener.start()
        ready, _, _ = select.select([self.process.stdout], [], [], 60)
        self.url = self.process.stdout.readline().strip() if ready else ""
        assert self.url.startswith("http"), self.said
        self.address = self.url.split("://")[1]
        self.host, _, port = self.address.rpartition(":")
        self.port = int(port)

    def stop(self, how=signal.SIGTERM, timeout=60):
        if self.process.poll() is None:
            self.process.send_signal(how)
        self.process.wait(timeout)
        self.listener.join()
        self.process.stdout.close()
        self.process.stderr.close()
        return self.process.returncode

    def ask(self, method, target, body=b"", context=None, **headers):
        """Status, headers, body."""
        kind = http.client.HTTPSConnection if self.url.startswith("https") else http.client.HTTPConnection
        connection = kind(self.host.strip("[]"), self.port, timeout=30, **({"context": context} if context else {}))
        try:
            connection.request(method, target, body, {k.replace("_", "-"): v for k, v in headers.items()})
            response = connection.getresponse()
            return response.status, response.headers, response.read().decode()
        finally:
            connection.close()


@unittest.skipIf(boto3 is None, "python3-boto3 is not installed")
class ServerCase(unittest.TestCase):
    def setUp(self):
        need(AMIVIRT, "the amivirt binary")
        self.store = Store()
        self.addCleanup(self.store.close)
        self.store.region = self.store.home / "regions/us-east-1"
        self.store.environment["AMIVIRT_REGION"] = "us-east-1"
        self.accounts = {name: self.account(name, number) for name, number in (("tester", "111122223333"), ("other", "444455556666"))}
        self.servers = []
        self.addCleanup(self.end)

    def account(self, name, number):
        key = self.store.ok("account", "create", "--alias", name, "--id", number, "-o", "json").json["AccessKey"]
        return key["AccessKeyId"], key["SecretAccessKey"]

    def end(self):
        for server in self.servers:
            if server.process.poll() is None:
                server.stop(signal.SIGKILL)
        for name in self.accounts:
            for instance in self.store.run("ps", "-o", "id", "--account", name).lines:
                self.store.run("terminate", "--account", name, instance)

    def serve(self, *words, **environment):
        self.servers.append(Server(self.store, *words, **environment))
        return self.servers[-1]

    def client(self, server, name="tester", region="us-east-1", **options):
        identity, secret = self.accounts[name]
        client = boto3.client("ec2", endpoint_url=server.url, region_name=region, aws_access_key_id=identity, aws_secret_access_key=secret,
                              config=botocore.config.Config(retries={"max_attempts": 0}, read_timeout=120, max_pool_connections=32), **options)
        self.addCleanup(client.close)
        return client

    def refused(self, code, call, **parameters):
        with self.assertRaises(botocore.exceptions.ClientError) as caught:
            call(**parameters)
        self.assertEqual(caught.exception.response["Error"]["Code"], code)
        return caught.exception.response


class TlsTest(ServerCase):
    def aws(self, server, **environment):
        identity, secret = self.accounts["tester"]
        return subprocess.run(["aws", "--endpoint-url", server.url, "--region", "us-east-1", "--output", "json", "ec2", "describe-images", "--owners", "self"],
                              env={**self.store.environment, "AWS_ACCESS_KEY_ID": identity, "AWS_SECRET_ACCESS_KEY": secret, "AWS_PAGER": "",
                                   "HOME": str(self.store.folder), **environment}, capture_output=True, text=True, timeout=120, check=False)

    def test_own_certificate(self):
        server = self.serve("--tls")
        self.assertTrue(server.url.startswith("https://127.0.0.1:"), server.url)
        certificate = self.store.home / "tls/server.crt"
        wait_until(lambda: any(f"AWS_CA_BUNDLE={certificate}" in line for line in server.said), 10, server.said)
        self.assertEqual((self.store.home / "tls/server.pem").stat().st_mode & 0o777, 0o600)
        done = self.aws(server, AWS_CA_BUNDLE=str(certificate))
        self.assertEqual((done.returncode, json.loads(done.stdout or "{}")), (0, {"Images": []}), done.stderr)
        done = self.aws(server)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("SSL", done.stderr)
        self.assertEqual(self.client(server, verify=str(certificate)).describe_instances()["Reservations"], [])

        trusting = ssl.create_default_context(cafile=certificate)
        self.assertEqual(server.ask("GET", "/healthz", context=trusting)[::2], (200, "ok\n"))
        for name in ("localhost", "127.0.0.1"):
            with socket.create_connection((server.host, server.port), timeout=20) as plain, trusting.wrap_socket(plain, server_hostname=name) as secured:
                self.assertIn(secured.version(), ("TLSv1.2", "TLSv1.3"))
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
        old.set_ciphers("ALL:@SECLEVEL=0")
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
        with socket.create_connection((server.host, server.port), timeout=20) as plain, self.assertRaises(OSError):
            old.wrap_socket(plain)
        # Who speaks plain HTTP is told so; who says nothing, or not enough of a handshake, is hung up on.
        with socket.create_connection((server.host, server.port), timeout=20) as plain:
            plain.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            answer = plain.makefile("rb").read()
            self.assertIn(b" 400 ", answer)
            self.assertIn(b"speaks TLS", answer)
        begun = time.monotonic()
        with socket.create_connection((server.host, server.port), timeout=30) as slow:
            slow.sendall(b"\x16\x03\x01\x02\x00\x01")
            self.assertEqual(slow.recv(100), b"")
        self.assertGreater(time.monotonic() - begun, 5)
        first = certificate.read_text()
        self.assertEqual(server.stop(), 0)
        server = self.serve("--tls")
        self.assertEqual(certificate.read_text(), first)
        self.assertEqual(server.stop(), 0)

    def test_given_certificate_and_other_addresses(self):
        folder = self.store.folder
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=localhost", "-days", "3",
                        "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", folder / "key.pem", "-out", folder / "cert.pem"], check=True, capture_output=True)
        words = ("--tls-cert", folder / "cert.pem", "--tls-key", folder / "key.pem")
        server = self.serve("--listen", "0.0.0.0:0", *words)
        server.host = "127.0.0.1"
        trusting = ssl.create_default_context(cafile=folder / "cert.pem")
        self.assertEqual(server.ask("GET", "/healthz", context=trusting)[::2], (200, "ok\n"))
        self.assertEqual(server.ask("GET", "/metrics", context=trusting)[0], 200)
        self.assertEqual(server.stop(), 0)
        for refused in (("--listen", "0.0.0.0:0"), ("--listen", "0.0.0.0:0", "--no-auth", *words), ("--tls", "--tls-cert", folder / "cert.pem", "--tls-key", "x"),
                        ("--tls-cert", folder / "cert.pem"), ("--listen", "127.0.0.1:0", "--tls-cert", folder / "cert.pem", "--tls-key", folder / "nothing"),
                        ("--rate", "fast"), ("--rate", "-1")):
            result = self.store.run("serve", "--regions", "us-east-1", *refused)
            self.assertEqual(result.status, 2, f"{refused}: {result}")
            self.assertEqual(result.out, "")


class HandedOverTest(ServerCase):
    def test_socket_and_notification(self):
        self.store.run("image", "list")
        with socket.socket() as listening, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
            listening.bind(("127.0.0.1", 0))
            listening.listen(16)
            port = listening.getsockname()[1]
            told.bind(str(self.store.folder / "notify"))
            told.settimeout(60)
            process = subprocess.Popen(["sh", "-c", 'exec 3<&"$1"; shift; export LISTEN_PID=$$ LISTEN_FDS=1; exec "$@"', "sh", str(listening.fileno()), AMIVIRT,
                                        "serve", "--regions", "us-east-1", "--listen", "127.0.0.1:1"], pass_fds=[listening.fileno()], stdin=subprocess.DEVNULL,
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                       env={**self.store.environment, "NOTIFY_SOCKET": str(self.store.folder / "notify")})
            try:
                self.assertIn(b"READY=1", told.recv(1000))
                self.assertEqual(process.stdout.readline(), f"http://127.0.0.1:{port}\n")
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
                connection.request("GET", "/healthz")
                self.assertEqual(connection.getresponse().read(), b"ok\n")
                connection.close()
                process.send_signal(signal.SIGTERM)
                self.assertIn(b"STOPPING=1", told.recv(1000))
                self.assertEqual(process.wait(60), 0, process.stderr.read())
            finally:
                process.kill()
                process.wait()
                process.stdout.close()
                process.stderr.close()
        # A socket that other machines reach is no way round.
        with socket.socket() as listening:
            listening.bind(("0.0.0.0", 0))
            listening.listen(16)
            done = subprocess.run(["sh", "-c", 'exec 3<&"$1"; shift; export LISTEN_PID=$$ LISTEN_FDS=1; exec "$@"', "sh", str(listening.fileno()), AMIVIRT,
                                   "serve", "--regions", "us-east-1"], pass_fds=[listening.fileno()], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                  env=self.store.environment, timeout=60, check=False)
            self.assertEqual((done.returncode, done.stdout), (2, ""), done.stderr)


class OperatedTest(ServerCase):
    def test_metrics_log_rate_and_reset(self):
        log = self.store.folder / "access.log"
        server = self.serve("--rate", "2", "--access-log", log, "--allow-reset")
        ec2 = self.client(server)
        codes = []
        for _ in range(8):
            try:
                ec2.describe_regions()
                codes.append("OK")
            except botocore.exceptions.ClientError as error:
                codes.append(error.response["Error"]["Code"])
                self.assertEqual(error.response["ResponseMetadata"]["HTTPStatusCode"], 503)
        self.assertIn("RequestLimitExceeded", codes)
        self.assertGreaterEqual(codes.count("OK"), 4)
        self.client(server, "other").describe_regions()  # another's requests are not counted
        time.sleep(1.5)
        volume = ec2.create_volume(AvailabilityZone="us-east-1a", Size=1)["VolumeId"]
        self.refused("InvalidVolume.NotFound", ec2.describe_volumes, VolumeIds=["vol-00000000000000bad"])
        status, headers, text = server.ask("GET", "/metrics")
        self.assertEqual((status, headers["Content-Type"].split(";")[0]), (200, "text/plain"))
        for line in ('amivirt_requests_total{action="CreateVolume",code="OK"} 1', 'amivirt_requests_total{action="DescribeVolumes",code="InvalidVolume.NotFound"} 1',
                     'amivirt_request_duration_seconds_count{action="CreateVolume"} 1', "amivirt_background_operations 0"):
            self.assertIn(f"\n{line}\n", text)
        self.assertRegex(text, r'\namivirt_requests_total{action="DescribeRegions",code="RequestLimitExceeded"} \d\n')
        lines = [line.split() for line in log.read_text().splitlines()]
        self.assertIn(["127.0.0.1", "111122223333", "CreateVolume", "200", "OK"], [line[1:6] for line in lines])
        self.assertTrue(all(len(line) == 9 for line in lines), lines)

        # Who is nobody resets nothing.
        self.assertEqual(server.ask("POST", "/_amivirt/reset")[0], 400)
        self.assertEqual(self.store.rows("SELECT id FROM volume"), [(volume,)])

        def signed(body=b""):
            request = botocore.awsrequest.AWSRequest("POST", f"{server.url}/_amivirt/reset", data=body)
            botocore.auth.SigV4Auth(botocore.credentials.Credentials(*self.accounts["tester"]), "ec2", "us-east-1").add_auth(request)
            return server.ask("POST", "/_amivirt/reset", body, **{k.replace("-", "_"): v for k, v in request.headers.items()})

        time.sleep(1)
        status, headers, text = signed()
        self.assertEqual((status, headers["Content-Type"]), (200, "application/json"), text)
        self.assertEqual(json.loads(text), {"Region": "us-east-1", "Terminated": [], "Images": 0, "Snapshots": 0, "Volumes": 1, "KeyPairs": 0})
        self.assertEqual(self.store.rows("SELECT id FROM volume"), [])
        self.assertEqual(json.loads(signed(b"KeepImages=true")[2])["Volumes"], 0)
        self.assertIn("UnknownParameter", signed(b"Colour=red")[2])
        self.assertEqual(server.stop(), 0)
        server = self.serve()
        self.assertIn("InvalidAction", signed()[2])
        self.assertEqual(server.stop(), 0)

    def test_web_pages(self):
        server = self.serve("--no-auth")
        asked = b"Action=CreateVolume&Version=2016-11-15&AvailabilityZone=us-east-1a&Size=1"
        form = {"Content_Type": "application/x-www-form-urlencoded"}
        for page in ({"Origin": "http://example.org"}, {"Origin": "null"}, {"Sec_Fetch_Site": "cross-site"}, {"Host": f"rebound.example.org:{server.port}"}):
            self.assertEqual(server.ask("POST", "/", asked, **form, **page)[0], 403, page)
            status, headers, text = server.ask("GET", "/?" + asked.decode(), **page)
            self.assertEqual((status, headers["Content-Type"].split(";")[0]), (403, "text/xml"), page)
            self.assertIn("<Error><Code>UnauthorizedOperation</Code>", text)
        self.assertEqual(self.store.rows("SELECT id FROM volume"), [])
        self.assertEqual(server.ask("POST", "/", asked, **form)[0], 200)
        self.assertEqual(server.ask("POST", "/", asked, Host=f"localhost:{server.port}", **form)[0], 200)
        self.assertEqual(len(self.store.rows("SELECT id FROM volume")), 2)
        self.assertEqual(server.stop(), 0)


class TokenTest(ServerCase):
    def test_over_restarts_and_between_servers(self):
        server, second = self.serve(), self.serve()
        ask = {"AvailabilityZone": "us-east-1a", "Size": 1, "ClientToken": "once"}
        made = self.client(server).create_volume(**ask)["VolumeId"]
        self.assertEqual(self.client(second).create_volume(**ask)["VolumeId"], made)
        server.stop(signal.SIGKILL)
        server = self.serve()
        self.assertEqual(self.client(server).create_volume(**ask)["VolumeId"], made)
        self.refused("IdempotentParameterMismatch", self.client(server).create_volume, **{**ask, "Size": 2})
        self.assertNotEqual(self.client(server, "other").create_volume(**ask)["VolumeId"], made)
        # Both at once.
        clients = [self.client(each) for each in (server, second)]
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda n: clients[n % 2].create_volume(**{**ask, "ClientToken": "race"})["VolumeId"], range(8)))
        self.assertEqual(len(set(answers)), 1)
        self.assertEqual(len(self.store.rows("SELECT id FROM volume")), 3)
        for each in (server, second):
            self.assertEqual(each.stop(), 0)

    def test_killed_in_the_middle(self):
        trace = self.store.folder / "trace"
        ask = {"AvailabilityZone": "us-east-1a", "Size": 1}
        self.serve().stop()  # what makes the store has points of its own
        server = self.serve(AMIVIRT_FAULT_TRACE=str(trace))
        self.client(server).create_volume(**ask, ClientToken="traced")
        server.stop()
        points = trace.read_text().split()
        if "answers.acted" not in points:
            self.skipTest("this build has no fault points")
        server = self.serve(AMIVIRT_FAULT_KILL_AT=str(points.index("answers.acted") + 1))
        with self.assertRaises((botocore.exceptions.ConnectionClosedError, botocore.exceptions.EndpointConnectionError)):
            self.client(server).create_volume(**ask, ClientToken="cut")
        server.process.wait(60)
        self.assertEqual(len(self.store.rows("SELECT id FROM volume")), 2)
        server = self.serve()
        self.refused("OperationNotPermitted", self.client(server).create_volume, **ask, ClientToken="cut")
        self.client(server).create_volume(**ask, ClientToken="another")
        self.assertEqual(len(self.store.rows("SELECT id FROM volume")), 3)
        self.assertEqual(server.stop(), 0)


class PromiseTest(ServerCase):
    """What was answered with `pending` is made under the id that was told, though the server is killed on the way."""

    def killed_at(self, point, region, ask):
        """The id that `ask` got of a server that dies at `point`; None where it died before it could tell."""
        server = self.serve("--regions", "us-east-1,eu-west-1", AMIVIRT_FAULT_KILL_AT=point)
        try:
            answer = ask(self.client(server, region=region))
            return answer.get("ImageId") or answer.get("SnapshotId") or answer.get("StartingInstances", answer.get("StoppingInstances"))[0]["InstanceId"]
        except (botocore.exceptions.ConnectionClosedError, botocore.exceptions.EndpointConnectionError):
            return None
        finally:
            self.assertEqual(server.process.wait(60), -signal.SIGKILL)

    def test_copies_and_images(self):
        server = self.serve("--regions", "us-east-1,eu-west-1")
        image = self.store.import_quiet("quiet", "--account", "tester")
        ec2 = self.client(server)
        instance = ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1, InstanceType="t3.nano")["Instances"][0]["InstanceId"]
        wait_until(lambda: ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]["State"]["Name"] == "running", 60, "it runs")
        snapshot = ec2.describe_images(ImageIds=[image])["Images"][0]["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"]
        self.assertEqual(server.stop(), 0)

        copies = ("copy.layer_brought", "eu-west-1")
        told = {
            "created": self.killed_at("snapshot.switched", "us-east-1", lambda c: c.create_image(InstanceId=instance, Name="created", NoReboot=True)),
            "snapshot": self.killed_at(*copies, lambda c: c.copy_snapshot(SourceRegion="us-east-1", SourceSnapshotId=snapshot, Encrypted=True)),
            "copied": self.killed_at(*copies, lambda c: c.copy_image(SourceRegion="us-east-1", SourceImageId=image, Name="copied", ClientToken="once")),
        }
        if not any(told.values()):
            self.skipTest("nobody was told anything before the server died")
        for region in ("us-east-1", "eu-west-1"):
            self.assertEqual(self.store.ok("fsck", "--region", region).out, "", "what is promised is in order")
        waiting = self.store.ok("image", "list", "--account", "tester", "--region", "eu-west-1", "-o", "json").json["Images"]
        self.assertEqual([(i["Name"], i["State"]) for i in waiting], [("copied", "pending")])
        server = self.serve("--regions", "us-east-1,eu-west-1")
        ec2, far = self.client(server), self.client(server, region="eu-west-1")

        def made():
            images = [i for each in (ec2, far) for i in each.describe_images(Owners=["self"])["Images"]]
            states = {i["Name"]: (i["ImageId"], i["State"]) for i in images}
            copied = far.describe_snapshots(Filters=[{"Name": "encrypted", "Values": ["true"]}], OwnerIds=["self"])["Snapshots"]
            states["snapshot"] = [(s["SnapshotId"], s["State"]) for s in copied][0]
            return states

        wait_until(lambda: {made()[name][1] for name in told} <= {"available", "completed"}, 60, "what was promised")
        self.assertEqual({name: made()[name][0] for name, id in told.items() if id}, {name: id for name, id in told.items() if id})
        again = far.copy_image(SourceRegion="us-east-1", SourceImageId=image, Name="copied", ClientToken="once")["ImageId"]
        self.assertEqual(again, made()["copied"][0])
        # An instance comes to the state that was told.
        for word, point, ask in (("stopped", "stop.told", lambda c: c.stop_instances(InstanceIds=[instance], Force=True)),
                                 ("running", "start.told", lambda c: c.start_instances(InstanceIds=[instance]))):
            self.assertEqual(server.stop(), 0)
            moved = self.killed_at(point, "us-east-1", ask)
            server = self.serve()
            if moved:
                ec2 = self.client(server)
                wait_until(lambda: ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]["State"]["Name"] == word, 60, word)
        # What can no longer be made says so.
        self.assertEqual(server.stop(), 0)
        gone = self.killed_at("snapshot.switched", "us-east-1", lambda c: c.create_image(InstanceId=instance, Name="gone", NoReboot=True))
        self.store.ok("terminate", "--account", "tester", instance)
        server = self.serve()
        ec2 = self.client(server)
        failed = ec2.describe_images(Owners=["self"], Filters=[{"Name": "name", "Values": ["gone"]}])["Images"][0]
        self.assertEqual(failed["State"], "failed")
        self.assertIn(instance, failed["StateReason"]["Message"])
        self.assertIn(gone, (None, failed["ImageId"]))
        self.assertEqual(server.stop(), 0)
        self.assertEqual(self.store.leaks(), [])


class ManyTest(ServerCase):
    def test_twenty_launches_of_two_accounts(self):
        need(TINY, "the tiny image")
        server = self.serve()
        image = self.store.import_tiny("tiny", "--account", "tester")
        clients = {name: self.client(server, name) for name in self.accounts}
        clients["tester"].modify_image_attribute(ImageId=image, LaunchPermission={"Add": [{"UserId": "444455556666"}]})
        names = ["tester", "other"] * 10

        def launch(n):
            try:
                answer = clients[names[n]].run_instances(ImageId=image, MinCount=1, MaxCount=1, InstanceType="t3.nano", ClientToken=f"token-{n}")
                return answer["Instances"][0]["InstanceId"]
            except botocore.exceptions.ClientError as error:
                return error.response["Error"]["Code"]

        def states(name, ids):
            found = clients[name].describe_instances(InstanceIds=ids)["Reservations"]
            return {i["InstanceId"]: i["State"]["Name"] for r in found for i in r["Instances"]}

        with concurrent.futures.ThreadPoolExecutor(20) as pool:
            answers = list(pool.map(launch, range(20)))
        self.assertTrue(all(a.startswith("i-") or a in ("InsufficientInstanceCapacity", "InstanceLimitExceeded", "RequestLimitExceeded") for a in answers), answers)
        mine = {name: [a for n, a in enumerate(answers) if names[n] == name and a.startswith("i-")] for name in clients}
        self.assertEqual(len({a for ids in mine.values() for a in ids}), sum(len(ids) for ids in mine.values()))
        self.assertGreater(len(mine["tester"]), 0)
        self.assertGreater(len(mine["other"]), 0)
        for name, ids in mine.items():
            wait_until(lambda name=name, ids=ids: "pending" not in states(name, ids).values(), 240, f"{name}'s launches")
            self.assertEqual(set(states(name, ids).values()), {"running"}, "all that were answered come up")
            self.refused("InvalidInstanceID.NotFound", clients["other" if name == "tester" else "tester"].describe_instances, InstanceIds=ids[:1])
        # A repeat of each is the same instance, also after a kill in the middle of their terminations.
        self.assertEqual([a for n in range(20) if (a := launch(n)).startswith("i-")][:2], [a for a in answers if a.startswith("i-")][:2])
        for name, ids in mine.items():
            clients[name].terminate_instances(InstanceIds=ids)
        server.stop(signal.SIGKILL)
        server = self.serve()
        clients = {name: self.client(server, name) for name in self.accounts}
        for name, ids in mine.items():
            wait_until(lambda name=name, ids=ids: set(states(name, ids).values()) == {"terminated"}, 240, f"{name}'s terminations")
        self.assertEqual(server.stop(), 0)
        self.assertEqual(self.store.leaks(), [])


if __name__ == "__main__":
    main()
