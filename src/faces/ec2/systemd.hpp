// What systemd and a server say to each other, by its plain protocols (source: sd_listen_fds(3), sd_notify(3)).
#pragma once

#include <optional>
#include <string>

#include "amivirt/base/result.hpp"

namespace amivirt::ec2 {

/// The listening socket that whoever started this process has opened for it (LISTEN_FDS, LISTEN_PID); nullopt: none. Two are
/// invalid_parameter_value. The environment says nothing of it any more afterwards, to no child either.
[[nodiscard]] Result<std::optional<int>> inherited_socket();

/// Tells NOTIFY_SOCKET, if there is one: "READY=1".
class Notifier {
public:
    /// The environment says nothing of it any more afterwards.
    Notifier();
    void tell(const std::string& state) const noexcept;

private:
    std::string socket_;
};

}  // namespace amivirt::ec2
