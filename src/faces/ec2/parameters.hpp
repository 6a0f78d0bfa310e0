// Parameters of the Query API, as EC2 flattens structures and lists into them: "BlockDeviceMapping.1.Ebs.VolumeSize". All pure.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "amivirt/base/clock.hpp"
#include "amivirt/base/result.hpp"

namespace amivirt::ec2 {

/// "%41+b" -> "A b": `+` and `%20` are spaces. nullopt for a `%` that two hex digits do not follow.
[[nodiscard]] std::optional<std::string> url_decode(std::string_view text);

/// What stands for itself in no URL as %XX (RFC 3986, as SigV4 wants it: spaces too, and "/" unless it is a path's).
[[nodiscard]] std::string url_encode(std::string_view text, bool is_path = false);

/// Base64 (RFC 4648; without padding too, whitespace is skipped). nullopt if it is none.
[[nodiscard]] std::optional<std::string> base64_decode(std::string_view text);
[[nodiscard]] std::string base64_encode(std::string_view bytes);

/// A part of a request's parameters: all of them, or those below a name. What is read is noted; faults are kept, so that a reader reads on
/// and asks for the first one at the end. An empty value means absent (Packer and Ansible send such), but where it says otherwise.
class Parameters {
public:
    /// From "a=b&c=d". invalid_parameter_value for what is not well-formed, not UTF-8 or said twice.
    static Result<Parameters> decode(std::string_view form);

    /// Of what is well-formed already.
    static Parameters of(const std::map<std::string, std::string>& values);
    /// One more of the whole request, by its whole name, as if it had said so itself; what it has said already stays.
    void add(const std::string& name, const std::string& value) const;

    [[nodiscard]] std::optional<std::string> text(std::string_view name) const;
    /// Also where its value is empty (NoDevice, a tag's value).
    [[nodiscard]] std::optional<std::string> raw(std::string_view name) const;
    /// missing_parameter; "" then.
    [[nodiscard]] std::string required(std::string_view name) const;
    /// `true` and `false`, in any case.
    [[nodiscard]] std::optional<bool> boolean(std::string_view name) const;
    [[nodiscard]] bool flag(std::string_view name) const { return boolean(name).value_or(false); }
    [[nodiscard]] std::optional<std::uint32_t> number(std::string_view name) const;
    [[nodiscard]] std::optional<TimePoint> time(std::string_view name) const;
    /// Base64 decoded.
    [[nodiscard]] std::optional<std::string> blob(std::string_view name) const;
    /// What stands under "name.1", "name.2", ... by number; need begin with neither 0 nor 1 nor be without gaps.
    [[nodiscard]] std::vector<Parameters> list(std::string_view name) const;
    /// The list's values; empty ones are left out.
    [[nodiscard]] std::vector<std::string> texts(std::string_view name) const;
    /// What stands under "name.".
    [[nodiscard]] Parameters below(std::string_view name) const;
    /// The value of a list's element itself.
    [[nodiscard]] std::string value() const;
    [[nodiscard]] bool has(std::string_view name) const;
    /// Takes it, and what stands under it, as known, whatever it says: what changes nothing here.
    void accept(std::string_view name) const;
    /// As accept(), but its fault is unsupported_operation where it says anything.
    void refuse(std::string_view name, std::string_view why) const;
    /// Likewise where it says anything but `word`, which is what is the case here.
    void refuse_unless(std::string_view name, std::string_view word, std::string_view why) const;
    void fault(Error error) const;

    /// All that the request says, the same for two that say the same: in whatever order and encoding, and with or without what is empty.
    [[nodiscard]] std::string canonical() const;

    /// All of it as decode() takes it.
    [[nodiscard]] std::string form() const;

    /// The whole name of a parameter of this part.
    [[nodiscard]] std::string full(std::string_view name) const;
    /// unknown_parameter for the first that nobody read (source: EC2, which tells it before all else); else the first fault.
    [[nodiscard]] Result<void> check() const;

private:
    struct Shared {
        std::map<std::string, std::string, std::less<>> values;
        std::set<std::string, std::less<>> read;
        std::optional<Error> fault;
    };
    Parameters(std::shared_ptr<Shared> shared, std::string prefix) : shared_(std::move(shared)), prefix_(std::move(prefix)) {}
    std::shared_ptr<Shared> shared_;
    std::string prefix_;  ///< "" or ends with a dot
};

}  // namespace amivirt::ec2
