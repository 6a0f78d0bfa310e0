#include "faces/cli/commands/commands.hpp"
#include "faces/cli/render_disks.hpp"
#include "faces/cli/values.hpp"

namespace amivirt::cli {

namespace {

class VolumeResize final : public Action {
public:
    void declare(OptionSet& options) override {
        options.words({.name = "VOLUME [SIZE]",
                       .help = "by id or name, and how large it is to be: 20, 20GiB",
                       .least = 1,
                       .most = 2,
                       .into = &words_});
        options.parsed("--size", "GIB", "the same as SIZE", request_.size, parse_gib);
        options.parsed("--type", "TYPE", "gp3, gp2, io1, io2, st1, sc1 or standard", request_.type, parse_volume_type);
        options.parsed("--iops", "N", "I/O operations a second: gp3, io1 and io2", request_.iops, parse_rate);
        options.parsed("--throughput", "MIB", "MiB a second: gp3", request_.throughput, parse_rate);
    }

    Result<int> run(Session& session) override {
        if (words_.size() == 2) {
            if (request_.size) {
                return usage_error("SIZE and --size say the same thing twice", "leave one of them out");
            }
            request_.size = AMIVIRT_TRY(parse_gib(words_[1]));
        }
        if (!request_.size && !request_.type && !request_.iops && !request_.throughput) {
            return usage_error("there is nothing to change: say a SIZE, --type, --iops or --throughput",
                               "as in \"amivirt volume resize data 40\"");
        }
        Services& services = *AMIVIRT_TRY(session.open());
        const Volume before = AMIVIRT_TRY(services.volumes.resolve(services.account, words_[0]));
        const TimePoint began = services.clock.now();
        const Volume after = AMIVIRT_TRY(services.volumes.modify(services.account, before.id.str(), request_));
        Answer answer;
        answer.table = [&] { return volumes_table({after}, services.clock.now()); };
        answer.document = [&] { return modification_document(before, after, began); };
        answer.ids = {after.id.str()};
        session.print(answer, Format::id);
        return 0;
    }

private:
    std::vector<std::string> words_;
    ModifyVolumeRequest request_;
};

}  // namespace

const Command& volume_resize_command() {
    static const Command command{{"volume resize", "volume modify"},
                                 "Let a volume grow, or change its type and speed",
                                 embedded::help_volume_resize,
                                 make_action<VolumeResize>};
    return command;
}

}  // namespace amivirt::cli
