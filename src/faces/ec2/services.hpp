// What the API needs of the rest: the services of each region it answers for.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "amivirt/base/log.hpp"
#include "amivirt/ports/id_source.hpp"
#include "amivirt/ports/instance_files.hpp"
#include "amivirt/ports/instance_types.hpp"
#include "amivirt/ports/screens.hpp"
#include "amivirt/services/accounting.hpp"
#include "amivirt/services/accounts.hpp"
#include "amivirt/services/answers.hpp"
#include "amivirt/services/capture.hpp"
#include "amivirt/services/carrying.hpp"
#include "amivirt/services/ebs_settings.hpp"
#include "amivirt/services/image_extras.hpp"
#include "amivirt/services/image_governance.hpp"
#include "amivirt/services/image_store.hpp"
#include "amivirt/services/images.hpp"
#include "amivirt/services/instances.hpp"
#include "amivirt/services/key_pairs.hpp"
#include "amivirt/services/launch_templates.hpp"
#include "amivirt/services/leases.hpp"
#include "amivirt/services/promises.hpp"
#include "amivirt/services/public_addresses.hpp"
#include "amivirt/services/reconciler.hpp"
#include "amivirt/services/recycle_bin.hpp"
#include "amivirt/services/region_settings.hpp"
#include "amivirt/services/reset.hpp"
#include "amivirt/services/snapshot_sharing.hpp"
#include "amivirt/services/snapshots.hpp"
#include "amivirt/services/tagging.hpp"
#include "amivirt/services/virtual_network.hpp"
#include "amivirt/services/volume_records.hpp"
#include "amivirt/services/volumes.hpp"

namespace amivirt::ec2 {

/// One region's. References stay valid as long as the API.
struct Services {
    std::string region;
    Images& images;
    ImageGovernance& governance;
    RecycleBin& bin;
    RegionSettings& settings;
    Instances& instances;
    Volumes& volumes;
    Snapshots& snapshots;
    Capture& capture;
    Carrying& carrying;
    Tagging& tagging;
    Reconciler& reconciler;
    InstanceFiles& files;
    InstanceTypes& types;
    Answers& answers;
    Reset& reset;
    Accounting& accounting;
    VirtualNetwork& network;
    KeyPairs& key_pairs;
    PublicAddresses& addresses;
    ImageExtrasBook& image_extras;
    SnapshotSharing& sharing;
    EbsSettings& ebs;
    VolumeRecords& volume_records;
    ImageStore& image_store;
    LaunchTemplates& templates;
    Screens& screens;
    Leases& leases;
    Promises& promises;
};

/// What all regions have in common.
struct Ports {
    std::vector<Services> regions;  ///< the first is the default
    Accounts& accounts;
    IdSource& ids;
    const Clock& clock;
    Log& log;
    bool authenticate = true;
    AccountId anonymous;  ///< who is asking where nothing is to be proven
    std::string endpoint = "127.0.0.1:8773";
    double rate = 0;           ///< requests a second of an account; 0: any number
    bool allow_reset = false;  ///< POST /_amivirt/reset
};

}  // namespace amivirt::ec2
