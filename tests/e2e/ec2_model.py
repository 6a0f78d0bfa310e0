"""EC2's model as botocore has it: which actions, parameters, filters and elements there are. What amivirt answers is held against it."""

import html
import re
import xml.etree.ElementTree as tree

from harness import TOP

try:
    import botocore.session
except ImportError:
    botocore = None

SPACE = "{http://ec2.amazonaws.com/doc/2016-11-15/}"
# Elements that are younger than Debian's botocore (1.29, December 2022).
YOUNGER = {
    "deregistrationProtection", "lastLaunchedTime", "sourceInstanceId", "sourceImageId", "sourceImageRegion", "currentInstanceBootMode",
    "deleteSnapshotResultSet", "revokedSecurityGroupRuleSet", "nextToken",
}
# By action and path: what clients read or wait for, and so has to be in each answer that has what stands above it.
REQUIRED = {
    "DescribeImages": {"imagesSet[]": "imageId imageState imageOwnerId imageLocation name creationDate isPublic architecture imageType rootDeviceType "
                                      "rootDeviceName virtualizationType hypervisor blockDeviceMapping"},
    "CreateImage": {"": "imageId"},
    "CopyImage": {"": "imageId"},
    "RegisterImage": {"": "imageId"},
    "DeregisterImage": {"": "return"},
    "DescribeImageAttribute": {"": "imageId"},
    "ModifyImageAttribute": {"": "return"},
    "RunInstances": {"": "reservationId ownerId instancesSet", "instancesSet[]": "instanceId imageId instanceState instanceType launchTime placement"},
    "DescribeInstances": {
        "reservationSet[]": "reservationId ownerId groupSet instancesSet",
        "reservationSet[].instancesSet[]": "instanceId imageId instanceState privateDnsName dnsName amiLaunchIndex instanceType launchTime placement monitoring "
                                           "architecture rootDeviceType rootDeviceName blockDeviceMapping virtualizationType hypervisor networkInterfaceSet "
                                           "metadataOptions",
        "reservationSet[].instancesSet[].instanceState": "code name",
        "reservationSet[].instancesSet[].placement": "availabilityZone tenancy",
    },
    "DescribeInstanceStatus": {"instanceStatusSet[]": "instanceId availabilityZone instanceState systemStatus instanceStatus",
                               "instanceStatusSet[].instanceStatus": "status"},
    "StartInstances": {"instancesSet[]": "instanceId currentState previousState"},
    "StopInstances": {"instancesSet[]": "instanceId currentState previousState"},
    "TerminateInstances": {"instancesSet[]": "instanceId currentState previousState"},
    "DescribeInstanceTypes": {"instanceTypeSet[]": "instanceType vCpuInfo memoryInfo processorInfo networkInfo ebsInfo supportedRootDeviceTypes"},
    "GetConsoleOutput": {"": "instanceId timestamp"},
    "GetPasswordData": {"": "instanceId timestamp passwordData"},
    "CreateVolume": {"": "volumeId size availabilityZone status createTime volumeType encrypted snapshotId"},
    "DescribeVolumes": {"volumeSet[]": "volumeId size availabilityZone status createTime volumeType encrypted attachmentSet snapshotId",
                        "volumeSet[].attachmentSet[]": "volumeId instanceId device status attachTime deleteOnTermination"},
    "DescribeVolumeStatus": {"volumeStatusSet[]": "volumeId availabilityZone volumeStatus eventsSet actionsSet"},
    "AttachVolume": {"": "volumeId instanceId device status attachTime"},
    "DetachVolume": {"": "volumeId instanceId device status"},
    "ModifyVolume": {"": "volumeModification", "volumeModification": "volumeId modificationState targetSize originalSize progress"},
    "DescribeVolumesModifications": {"volumeModificationSet[]": "volumeId modificationState targetSize originalSize progress startTime"},
    "CreateSnapshot": {"": "snapshotId volumeId status startTime progress ownerId volumeSize encrypted"},
    "CreateSnapshots": {"snapshotSet[]": "snapshotId volumeId state startTime ownerId volumeSize"},
    "CopySnapshot": {"": "snapshotId"},
    "DescribeSnapshots": {"snapshotSet[]": "snapshotId volumeId status startTime progress ownerId volumeSize description encrypted"},
    "CreateKeyPair": {"": "keyName keyFingerprint keyMaterial keyPairId"},
    "ImportKeyPair": {"": "keyName keyFingerprint keyPairId"},
    "DescribeKeyPairs": {"keySet[]": "keyName keyFingerprint keyPairId"},
    "DescribeTags": {"tagSet[]": "resourceId resourceType key value"},
    "CreateVpc": {"": "vpc", "vpc": "vpcId state cidrBlock dhcpOptionsId instanceTenancy isDefault"},
    "DescribeVpcs": {"vpcSet[]": "vpcId state cidrBlock dhcpOptionsId instanceTenancy isDefault ownerId"},
    "DescribeSubnets": {"subnetSet[]": "subnetId state vpcId cidrBlock availableIpAddressCount availabilityZone defaultForAz mapPublicIpOnLaunch"},
    "CreateSecurityGroup": {"": "groupId"},
    "AuthorizeSecurityGroupIngress": {"": "return securityGroupRuleSet"},
    "DescribeSecurityGroups": {"securityGroupInfo[]": "groupId groupName groupDescription ownerId vpcId ipPermissions ipPermissionsEgress"},
    "DescribeNetworkInterfaces": {"networkInterfaceSet[]": "networkInterfaceId subnetId vpcId availabilityZone status macAddress privateIpAddress groupSet"},
    "AllocateAddress": {"": "publicIp allocationId domain"},
    "AssociateAddress": {"": "associationId"},
    "DescribeAddresses": {"addressesSet[]": "publicIp allocationId domain"},
    "DescribeAddressesAttribute": {"addressSet[]": "publicIp allocationId"},
    "DescribeRouteTables": {"routeTableSet[]": "routeTableId vpcId routeSet associationSet", "routeTableSet[].routeSet[]": "state origin"},
    "DescribeInternetGateways": {"internetGatewaySet[]": "internetGatewayId attachmentSet"},
    "CreateLaunchTemplate": {"": "launchTemplate", "launchTemplate": "launchTemplateId launchTemplateName defaultVersionNumber latestVersionNumber"},
    "DescribeLaunchTemplateVersions": {"launchTemplateVersionSet[]": "launchTemplateId versionNumber defaultVersion launchTemplateData"},
    "DescribeRegions": {"regionInfo[]": "regionName regionEndpoint optInStatus"},
    "DescribeAvailabilityZones": {"availabilityZoneInfo[]": "zoneName zoneState regionName zoneId"},
    "DescribeAccountAttributes": {"accountAttributeSet[]": "attributeName attributeValueSet"},
}


def model():
    return botocore.session.get_session().get_service_model("ec2")


def table():
    """The names of all actions of EC2's that there are."""
    text = (TOP / "src/faces/ec2/actions/all.cpp").read_text()
    return re.findall(r'\{"(\w+)", \w+', text[:text.index("std::vector<Action> sts")])


def actions():
    """Those of the table that the model has."""
    known = set(model().operation_names)
    return [name for name in table() if name in known]


def wire_name(key, member):
    name = member.serialization.get("queryName") or member.serialization.get("name") or key
    return name[0].upper() + name[1:]


def leaves(shape, name, inside=()):
    """(name, value) of each scalar of a parameter: what is a fault of another kind is known."""
    if shape.type_name == "structure":
        if shape.name not in inside:
            for key, member in shape.members.items():
                yield from leaves(member, f"{name}.{wire_name(key, member)}", (*inside, shape.name))
    elif shape.type_name == "list":
        yield from leaves(shape.member, f"{name}.1", inside)
    else:
        yield name, {"integer": "1", "long": "1", "boolean": "true", "timestamp": "2030-01-01T00:00:00Z"}.get(shape.type_name, "x")


def leaves_of(action):
    for key, shape in model_of(action).input_shape.members.items():
        yield from leaves(shape, wire_name(key, shape))


_MODEL = []


def model_of(action):
    if not _MODEL:
        _MODEL.append(model())
    return _MODEL[0].operation_model(action)


def filters():
    """By action: the filters that its documentation names."""
    found = {}
    for action in actions():
        shape = model_of(action).input_shape
        about = shape.members["Filters"].documentation if shape and "Filters" in shape.members else ""
        names = [html.unescape(name) for name in re.findall(r"<li>\s*(?:<p>)?\s*<code>(.*?)</code>", about, re.DOTALL)]
        if names:
            found[action] = [{"tag": "tag:k", "tag:<key>": "tag:k"}.get(name, name) for name in names]
    return found


class Checker:
    """Each element of each answer is one that the model knows, and those that clients need are there. (Every parameter sent was one, since
    botocore sent it.)"""

    def __init__(self):
        self.wrong = []
        self.seen = set()

    def look(self, http_response, model):
        if http_response.status_code == 200 and model.service_model.service_name == "ec2":
            self.look_at(model, http_response.content)

    def look_at(self, model, content):
        self.seen.add(model.name)
        root = tree.fromstring(content)
        if root.tag != f"{SPACE}{model.name}Response":
            self.wrong.append(f"{model.name}: the root is {root.tag}")
        if root.find(f"{SPACE}requestId") is None:
            self.wrong.append(f"{model.name} has no requestId")
        self.walk(model.name, "", root, model.output_shape)

    def walk(self, action, path, element, shape):
        if shape is None:
            return
        where = f"{action} {path}"
        names = [child.tag.replace(SPACE, "") for child in element]
        for needed in REQUIRED.get(action, {}).get(path, "").split():
            if needed not in names:
                self.wrong.append(f"{where} has no {needed}")
        if shape.type_name == "structure":
            known = {m.serialization.get("name", n): m for n, m in shape.members.items()}
            for child, name in zip(element, names):
                if not path and name == "requestId":
                    continue
                if name in known:
                    self.walk(action, f"{path}.{name}" if path else name, child, known[name])
                elif name not in YOUNGER:
                    self.wrong.append(f"{where}.{name} is not in the model")
            for name in {n for n in names if names.count(n) > 1}:
                self.wrong.append(f"{where} has {name} more than once")
        elif shape.type_name == "list":
            item = shape.member.serialization.get("name", "item")
            for child in element:
                if child.tag != SPACE + item:
                    self.wrong.append(f"{where} has {child.tag}, not {item}")
                self.walk(action, f"{path}[]", child, shape.member)
        elif len(element):
            self.wrong.append(f"{where} has elements and is a {shape.type_name}")
        elif shape.type_name == "boolean" and element.text not in ("true", "false"):
            self.wrong.append(f"{where} is {element.text}, no boolean")
        elif shape.type_name in ("integer", "long") and not re.fullmatch(r"-?\d+", element.text or ""):
            self.wrong.append(f"{where} is {element.text}, no number")
        elif shape.type_name == "timestamp" and not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", element.text or ""):
            self.wrong.append(f"{where} is {element.text}, no time")
