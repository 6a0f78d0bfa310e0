// What is let in before anything reads it: heads of requests that every reader understands alike, and no requests of web pages. All pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "faces/ec2/message.hpp"

namespace amivirt::ec2 {

/// What `bytes`, the beginning of what a client sent, are of a request's head.
struct Head {
    std::size_t length = 0;    ///< with the empty line that ends it; 0: it has not come to its end yet
    std::string_view wrong{};  ///< why it is refused, also before its end; "" nothing is
};

/// Refuses whatever two readers may take for two different requests (source: RFC 9112, sections 2.2, 5.2, 6.1 and 6.3): a line that ends in
/// anything but CR LF, a CR or a control character elsewhere, a folded line, a blank before the colon or at a line's beginning, more than
/// one Content-Length or Transfer-Encoding, both of them, any other coding than "chunked" or one in HTTP/1.0, a length that is no number,
/// no Host or two.
[[nodiscard]] Head examine_head(std::string_view bytes);

/// Without signatures whoever reaches the port may do everything, and a browser reaches it for any page that it shows. Why this request is
/// refused then: a browser says that a page is behind it (Origin, Sec-Fetch-Site), or it came by a name that is not the server's own, as
/// after DNS rebinding. "": it is not. `own`: the address listened on.
[[nodiscard]] std::string foreign(const HttpRequest& request, const std::string& own);

/// "example.org:8773" -> "example.org", "[::1]:1" -> "::1".
[[nodiscard]] std::string host_of(std::string_view host_header);

}  // namespace amivirt::ec2
