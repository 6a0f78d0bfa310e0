// A request and an answer, without the socket they came through.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace amivirt::ec2 {

struct HttpRequest {
    std::string method;                                        ///< "POST"
    std::string target;                                        ///< "/?Action=..." as sent
    std::vector<std::pair<std::string, std::string>> headers;  ///< as sent, in that order
    std::string body;
};

struct HttpResponse {
    unsigned status = 200;
    std::string content_type = "text/xml;charset=UTF-8";
    std::string body;
    std::string request_id;
    std::string action;                         ///< for the log: "" none was found out
    std::string account;                        ///< "" nobody was proven
    std::string code = "OK";                    ///< or the error's
    std::string_view known_action = "unknown";  ///< an action that there is: for counting
};

/// The first header of that name, case-insensitive; "" none.
[[nodiscard]] std::string header(const HttpRequest& request, const std::string& name);

}  // namespace amivirt::ec2
