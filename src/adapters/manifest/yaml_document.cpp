#include "adapters/manifest/yaml_document.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <exception>
#include <map>
#include <optional>
#include <sstream>
#include <utility>

#include "adapters/common/files.hpp"
#include "adapters/common/utf8.hpp"

namespace amivirt::yaml {

namespace {

constexpr std::size_t k_max_bytes = std::size_t{1} << 20U;
constexpr std::size_t k_max_nodes = 20'000;
constexpr std::size_t k_max_depth = 24;
constexpr std::size_t k_shown = 60;

/// Ends the parsing of a file that is no use to go on with.
struct Refused {
    int line;
    std::string what;
};

int line_of(const YAML::Mark& mark) { return mark.line < 0 ? 0 : mark.line + 1; }

/// Builds the tree from the parser's events. (Its own node tree keeps no duplicate keys and follows aliases without limit.)
class Builder final : public YAML::EventHandler {
public:
    [[nodiscard]] NodePtr root() const { return root_; }

    void OnDocumentStart(const YAML::Mark& /*mark*/) override {}
    void OnDocumentEnd() override {}

    void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        auto node = std::make_shared<Node>();
        // The parser's mark is at what comes next, maybe lines below.
        const int line = !stack_.empty() && stack_.back().key ? stack_.back().key->line : line_of(mark);
        node->line = line;
        finish(std::move(node), anchor, line);
    }

    void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        const auto found = anchors_.find(anchor);
        if (found == anchors_.end()) {
            throw Refused{line_of(mark), "the alias stands inside the very thing that it names"};
        }
        add(found->second, line_of(mark));
    }

    void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, const std::string& value) override {
        check_tag(mark, tag, "str");
        auto node = std::make_shared<Node>();
        node->kind = Kind::scalar;
        node->line = line_of(mark);
        node->text = value;
        node->quoted = tag == "?" || tag.empty() ? Quoted::no : Quoted::yes;
        finish(std::move(node), anchor, line_of(mark));
    }

    void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                         YAML::EmitterStyle::value /*style*/) override {
        check_tag(mark, tag, "seq");
        open(Kind::sequence, line_of(mark), anchor);
    }
    void OnSequenceEnd() override { close(); }

    void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, YAML::EmitterStyle::value /*style*/) override {
        check_tag(mark, tag, "map");
        open(Kind::map, line_of(mark), anchor);
    }
    void OnMapEnd() override { close(); }

private:
    struct Frame {
        std::shared_ptr<Node> node;
        YAML::anchor_t anchor = 0;
        std::optional<Entry> key;  ///< of a map: read, its value still to come
    };

    static void check_tag(const YAML::Mark& mark, const std::string& tag, std::string_view wanted) {
        static const std::string core = "tag:yaml.org,2002:";
        if (!tag.empty() && tag != "?" && tag != "!" && tag != core + std::string(wanted)) {
            throw Refused{line_of(mark), fmt::format("the tag {} is not understood", quote(tag))};
        }
    }

    void open(Kind kind, int line, YAML::anchor_t anchor) {
        if (stack_.size() >= k_max_depth) {
            throw Refused{line, fmt::format("nested deeper than {} levels", k_max_depth)};
        }
        auto node = std::make_shared<Node>();
        node->kind = kind;
        node->line = line;
        stack_.push_back({std::move(node), anchor, std::nullopt});
    }

    void close() {
        Frame frame = std::move(stack_.back());
        stack_.pop_back();
        const int line = frame.node->line;
        finish(std::move(frame.node), frame.anchor, line);
    }

    void finish(std::shared_ptr<Node> node, YAML::anchor_t anchor, int line) {
        NodePtr whole = std::move(node);
        if (anchor != 0) {
            anchors_[anchor] = whole;
        }
        add(whole, line);
    }

    void add(const NodePtr& node, int line) {
        if (stack_.empty()) {
            root_ = node;
            return;
        }
        Frame& top = stack_.back();
        top.node->weight += node->weight;
        if (top.node->weight > k_max_nodes) {
            throw Refused{line, fmt::format("holds more than {} values, those that aliases repeat included", k_max_nodes)};
        }
        if (top.node->kind == Kind::sequence) {
            top.node->items.push_back(node);
        } else if (top.key) {
            top.key->value = node;
            top.node->entries.push_back(std::move(*top.key));
            top.key.reset();
        } else {
            if (node->kind != Kind::scalar) {
                throw Refused{line, "a key must be a word"};
            }
            top.key = Entry{node->text, line, nullptr};
        }
    }

    NodePtr root_;
    std::vector<Frame> stack_;
    std::map<YAML::anchor_t, NodePtr> anchors_;
};

void check_text(std::string_view text) {
    int line = 1;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t length = utf8_length_at(text, at);
        if (length == 0) {
            throw Refused{line, "is not UTF-8 text"};
        }
        const auto c = static_cast<unsigned char>(text[at]);
        if ((c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7F) {
            throw Refused{line, fmt::format("holds the control character 0x{:02x}", c)};
        }
        line += c == '\n' ? 1 : 0;
        at += length;
    }
}

/// nullopt: not there.
std::optional<std::string> contents(const std::string& file) {
    // Not blocking: the name may be a pipe's.
    const files::FileDescriptor descriptor(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (!descriptor) {
        if (errno == ENOENT) {
            return std::nullopt;
        }
        throw Refused{0, fmt::format("cannot be read: {}", std::strerror(errno))};
    }
    struct stat facts {};
    if (::fstat(descriptor.get(), &facts) != 0) {
        throw Refused{0, fmt::format("cannot be read: {}", std::strerror(errno))};
    }
    if (S_ISDIR(facts.st_mode)) {
        throw Refused{0, "is a directory, not a YAML file"};
    }
    if (!S_ISREG(facts.st_mode)) {
        throw Refused{0, "is not a regular file"};
    }
    std::string text;
    std::string piece(std::size_t{64} * 1024, '\0');
    while (true) {
        const ssize_t count = ::read(descriptor.get(), piece.data(), piece.size());
        if (count < 0) {
            if (errno == EINTR) {
                continue;
            }
            throw Refused{0, fmt::format("cannot be read: {}", std::strerror(errno))};
        }
        if (count == 0) {
            return text;
        }
        text.append(piece, 0, static_cast<std::size_t>(count));
        if (text.size() > k_max_bytes) {
            throw Refused{0, "is larger than 1 MiB"};
        }
    }
}

/// Null: a file of comments at most.
NodePtr parse(const std::string& text) {
    check_text(text);
    std::istringstream stream(text);
    YAML::Parser parser(stream);
    Builder builder;
    if (!parser.HandleNextDocument(builder) || !builder.root() || builder.root()->kind == Kind::null) {
        return nullptr;
    }
    Builder second;
    if (parser.HandleNextDocument(second)) {
        throw Refused{second.root() ? second.root()->line : 0, "holds more than one YAML document"};
    }
    return builder.root();
}

}  // namespace

void Faults::add(int line, std::string_view path, std::string_view message) {
    std::string text = file_;
    if (line > 0) {
        text += fmt::format(":{}", line);
    }
    text += ": ";
    if (!path.empty()) {
        text.append(path).append(": ");
    }
    text.append(message);
    faults_.push_back({line, std::move(text)});
}

Error Faults::error() const {
    std::vector<Fault> sorted = faults_;
    std::stable_sort(sorted.begin(), sorted.end(), [](const Fault& a, const Fault& b) { return a.line < b.line; });
    std::string message = fmt::format("{} {} has {} {}:", what_, quote(file_), sorted.size(), sorted.size() == 1 ? "fault" : "faults");
    for (const Fault& fault : sorted) {
        message.append("\n").append(fault.text);
    }
    return {Code::invalid_manifest, std::move(message)};
}

namespace {

/// What `get` gives; null, with a fault, for whatever it throws.
template <class Get>
NodePtr guarded(Faults& faults, Get get) {
    try {
        return get();
    } catch (const Refused& refused) {
        faults.add(refused.line, {}, refused.what);
    } catch (const YAML::Exception& error) {
        faults.add(line_of(error.mark), {}, fmt::format("not YAML: {} (column {})", error.msg, error.mark.column + 1));
    } catch (const std::exception& error) {
        faults.add(0, {}, fmt::format("cannot be read: {}", error.what()));
    }
    return nullptr;
}

}  // namespace

NodePtr load(Faults& faults, Absent absent) {
    return guarded(faults, [&] {
        const std::optional<std::string> text = contents(faults.file());
        NodePtr root = text ? parse(*text) : nullptr;
        if (!root && absent == Absent::refuse) {
            faults.add(0, {}, text ? "is empty" : "is not there");
        }
        return root;
    });
}

NodePtr load_text(Faults& faults, const std::string& text) {
    return guarded(faults, [&] { return parse(text); });
}

std::string quote(std::string_view value) {
    std::string shown = "\"";
    std::size_t at = 0;
    while (at < value.size() && at < k_shown) {
        const std::size_t length = std::max<std::size_t>(utf8_length_at(value, at), 1);
        const auto c = static_cast<unsigned char>(value[at]);
        if (c == '\n') {
            shown += "\\n";
        } else if (c < 0x20 || c == 0x7F) {
            shown += fmt::format("\\x{:02x}", c);
        } else {
            shown.append(value.substr(at, length));
        }
        at += length;
    }
    return shown + (at < value.size() ? "...\"" : "\"");
}

}  // namespace amivirt::yaml
