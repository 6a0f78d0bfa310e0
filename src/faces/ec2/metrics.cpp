#include "faces/ec2/metrics.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace amivirt::ec2 {

namespace {

// A label's value: these three are escaped (source: the exposition format).
std::string label(const std::string& text) {
    std::string out;
    for (const char c : text) {
        if (c == '\\' || c == '"') {
            out += '\\';
        }
        out += c == '\n' ? std::string("\\n") : std::string(1, c);
    }
    return out;
}

}  // namespace

void Metrics::count(const std::string& action, const std::string& code, double seconds) {
    auto counts = counts_.lock();
    ++counts->requests[{action, code}];
    Histogram& histogram = counts->durations[action];
    const auto* const bound = std::lower_bound(k_bounds.begin(), k_bounds.end(), seconds);
    if (bound != k_bounds.end()) {
        ++histogram.at_most.at(static_cast<std::size_t>(bound - k_bounds.begin()));
    }
    ++histogram.count;
    histogram.sum += seconds;
}

std::string Metrics::text(const Gauges& gauges) {
    std::string out;
    const auto put = [&out](fmt::string_view format, const auto&... values) {
        fmt::vformat_to(std::back_inserter(out), format, fmt::make_format_args(values...));
    };
    const auto head = [&](std::string_view name, std::string_view type, std::string_view help) {
        put("# HELP {0} {2}\n# TYPE {0} {1}\n", name, type, help);
    };
    auto counts = counts_.lock();
    head("amivirt_requests_total", "counter", "Requests that were answered.");
    for (const auto& [key, count] : counts->requests) {
        put("amivirt_requests_total{{action=\"{}\",code=\"{}\"}} {}\n", label(key.first), label(key.second), count);
    }
    head("amivirt_request_duration_seconds", "histogram", "From the whole request to its answer.");
    for (const auto& [action, histogram] : counts->durations) {
        std::uint64_t below = 0;
        for (std::size_t i = 0; i < k_bounds.size(); ++i) {
            below += histogram.at_most.at(i);
            put("amivirt_request_duration_seconds_bucket{{action=\"{}\",le=\"{}\"}} {}\n", label(action), k_bounds.at(i), below);
        }
        put("amivirt_request_duration_seconds_bucket{{action=\"{}\",le=\"+Inf\"}} {}\n", label(action), histogram.count);
        put("amivirt_request_duration_seconds_sum{{action=\"{}\"}} {:.6f}\n", label(action), histogram.sum);
        put("amivirt_request_duration_seconds_count{{action=\"{}\"}} {}\n", label(action), histogram.count);
    }
    head("amivirt_connections", "gauge", "Connections that are open.");
    put("amivirt_connections {}\n", gauges.connections);
    head("amivirt_connections_total", "counter", "Connections that were accepted.");
    put("amivirt_connections_total {}\n", *connections_.lock());
    head("amivirt_background_operations", "gauge", "Operations that go on after their request was answered.");
    put("amivirt_background_operations {}\n", gauges.background);
    head("amivirt_instances", "gauge", "Instances by state, terminated ones as long as they are shown.");
    for (const auto& [key, count] : gauges.instances) {
        put("amivirt_instances{{region=\"{}\",state=\"{}\"}} {}\n", label(key.first), label(key.second), count);
    }
    return out;
}

}  // namespace amivirt::ec2
