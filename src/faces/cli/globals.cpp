#include "faces/cli/globals.hpp"

#include "faces/cli/values.hpp"

namespace amivirt::cli {

void add_globals(OptionSet& set, Globals& into) {
    GlobalOptions& options = into.options;
    set.begin_global();
    set.parsed("-o,--output", "FORMAT", "table, json, yaml or id", into.format, parse_format);
    set.text("--home", "DIR", "where images and instances are kept", options.home).from_environment("AMIVIRT_HOME");
    set.text("-c,--connect", "URI", "libvirt's address, such as qemu:///system", options.connect).from_environment("AMIVIRT_URI");
    set.parsed("--region", "REGION", "the region", options.region, parse_region).from_environment("AMIVIRT_REGION");
    set.parsed("--account", "ACCOUNT", "the account to act for: 12 digits, or its alias", options.account, parse_account_word)
        .from_environment("AMIVIRT_ACCOUNT");
    set.parsed("--accel", "ACCEL", "auto, kvm or tcg", options.accelerator, parse_accelerator).from_environment("AMIVIRT_ACCEL");
    set.text("--log-file", "FILE", "append a log to FILE", options.log_file).from_environment("AMIVIRT_LOG");
    set.flag("-v,--verbose", "say more; -vv still more",
             [&options] { options.verbosity = options.verbosity < 0 ? 1 : options.verbosity + 1; });
    set.flag("-q,--quiet", "say nothing but errors", [&options] { options.verbosity = -1; });
}

}  // namespace amivirt::cli
