// A YAML file as a tree that knows its lines, and the list of what is wrong with it.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "amivirt/base/result.hpp"

namespace amivirt::yaml {

struct Node;
using NodePtr = std::shared_ptr<const Node>;

struct Entry {
    std::string key;
    int line = 0;
    NodePtr value;
};

enum class Kind { null, scalar, sequence, map };
enum class Quoted { yes, no };

struct Node {
    Kind kind = Kind::null;
    int line = 0;
    std::string text;  ///< of a scalar, as written
    Quoted quoted = Quoted::no;
    std::vector<NodePtr> items;
    std::vector<Entry> entries;  ///< in order, duplicates included
    std::size_t weight = 1;      ///< nodes in it, those behind aliases counted each time
};

/// What is wrong with one file; a person gets all of it at once.
class Faults {
public:
    /// `what` names the kind of file: "manifest".
    Faults(std::string what, std::string file) : what_(std::move(what)), file_(std::move(file)) {}
    /// `path` is the field's ("source.url"); "" for the file as such. Line 0: none.
    void add(int line, std::string_view path, std::string_view message);
    [[nodiscard]] bool empty() const noexcept { return faults_.empty(); }
    [[nodiscard]] std::size_t count() const noexcept { return faults_.size(); }
    /// One invalid_manifest: a line of summary, then a line for each fault in order of line.
    [[nodiscard]] Error error() const;
    [[nodiscard]] const std::string& file() const noexcept { return file_; }

private:
    struct Fault {
        int line;
        std::string text;
    };
    std::string what_;
    std::string file_;
    std::vector<Fault> faults_;
};

enum class Absent { refuse, allow };

/// The one document of `faults.file()`; null with faults added if it cannot be had, null without if it may be absent (or
/// empty) and is. Never throws
/// for what is in the file; refuses what is too large, too deep, or grows too large through aliases.
[[nodiscard]] NodePtr load(Faults& faults, Absent absent);

/// The same of a text that was read already from `faults.file()`.
[[nodiscard]] NodePtr load_text(Faults& faults, const std::string& text);

/// The value in quotes, shortened, control characters escaped.
[[nodiscard]] std::string quote(std::string_view value);

}  // namespace amivirt::yaml
