#include "faces/cli/commands/made_images.hpp"

#include "faces/cli/commands/several.hpp"
#include "faces/cli/render_json.hpp"
#include "faces/cli/render_table.hpp"

namespace amivirt::cli {

void show_made(Session& session, const Services& services, const std::vector<Image>& images) {
    Answer answer;
    answer.ids = ids_of(images);
    answer.document = [&answer] { return image_ids_document(answer.ids); };
    answer.table = [&] { return images_table(images, services.clock.now()); };
    session.print(answer, Format::id);
}

}  // namespace amivirt::cli
