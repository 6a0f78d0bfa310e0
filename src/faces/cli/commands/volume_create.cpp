#include "faces/cli/commands/commands.hpp"
#include "faces/cli/render_disks.hpp"
#include "faces/cli/values.hpp"

namespace amivirt::cli {

namespace {

class VolumeCreate final : public Action {
public:
    void declare(OptionSet& options) override {
        options.parsed("--size", "GIB", "how large: 20, 20GiB; the snapshot's size if not said", request_.size, parse_gib);
        options.text("--snapshot", "SNAPSHOT", "begin with what is in it, by id or name; else the volume is empty", request_.snapshot);
        options.parsed("--type", "TYPE", "gp3 (the default), gp2, io1, io2, st1, sc1 or standard", request_.type, parse_volume_type);
        options.parsed("--iops", "N", "I/O operations a second: gp3, io1 and io2", request_.iops, parse_rate);
        options.parsed("--throughput", "MIB", "MiB a second: gp3", request_.throughput, parse_rate);
        options.flag("--encrypted", "encrypt it with the region's key", [this] { request_.encrypted = true; });
        options.text("--name", "NAME", "the Name tag", name_);
        options.parsed_each("--tag", "KEY=VALUE", "a tag", tags_, parse_tag);
    }

    Result<int> run(Session& session) override {
        if (!request_.size && request_.snapshot.empty()) {
            return Error(Code::missing_parameter, "A volume needs --size, --snapshot or both", "as in \"amivirt volume create --size 20\"");
        }
        request_.tags = AMIVIRT_TRY(tags_of(tags_, name_));
        Services& services = *AMIVIRT_TRY(session.open());
        const Volume volume = AMIVIRT_TRY(services.volumes.create(services.account, request_));
        Answer answer;
        answer.table = [&] { return volumes_table({volume}, services.clock.now()); };
        answer.document = [&] { return volume_document(volume, services.region); };
        answer.ids = {volume.id.str()};
        session.print(answer, Format::id);
        return 0;
    }

private:
    CreateVolumeRequest request_;
    std::string name_;
    std::vector<std::pair<std::string, std::string>> tags_;
};

}  // namespace

const Command& volume_create_command() {
    static const Command command{
        {"volume create"}, "Make a volume, and print its id", embedded::help_volume_create, make_action<VolumeCreate>};
    return command;
}

}  // namespace amivirt::cli
