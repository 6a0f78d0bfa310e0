# What is installed beside the program, and the Debian package (scripts/package).

set(completion "${PROJECT_SOURCE_DIR}/src/faces/cli/completion")
install(FILES "${completion}/amivirt.bash" DESTINATION "${CMAKE_INSTALL_DATADIR}/bash-completion/completions" RENAME amivirt)
install(FILES "${completion}/amivirt.fish" DESTINATION "${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d")
# Debian's zsh looks into one folder for what packages bring, and into another for what is installed by hand.
install(CODE "
  if(CMAKE_INSTALL_PREFIX MATCHES \"/usr$\")
    set(zsh_functions vendor-completions)
  else()
    set(zsh_functions site-functions)
  endif()
  file(INSTALL DESTINATION \"\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_DATADIR}/zsh/\${zsh_functions}\" TYPE FILE RENAME _amivirt
       FILES \"${completion}/amivirt.zsh\")")

# systemd's units name the program where it is installed, which is known only then.
install(CODE "
  set(bindir \"\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_BINDIR}\")
  foreach(unit system/amivirt.service system/amivirt.socket user/amivirt.service user/amivirt.socket)
    get_filename_component(whose \${unit} DIRECTORY)
    configure_file(\"${PROJECT_SOURCE_DIR}/templates/systemd/\${unit}\" \"${PROJECT_BINARY_DIR}/systemd/\${unit}\" @ONLY)
    file(INSTALL DESTINATION \"\${CMAKE_INSTALL_PREFIX}/lib/systemd/\${whose}\" TYPE FILE FILES \"${PROJECT_BINARY_DIR}/systemd/\${unit}\")
  endforeach()")

# Its maintainer is who makes it, said as Debian's own tools ask for it: in DEBFULLNAME and DEBEMAIL; else as git knows who that is, else as this host.
function(amivirt_first result)
  foreach(command ${ARGN})
    separate_arguments(words UNIX_COMMAND "${command}")
    execute_process(COMMAND ${words} WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}" OUTPUT_VARIABLE said OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
    if(said)
      set(${result} "${said}" PARENT_SCOPE)
      return()
    endif()
  endforeach()
endfunction()
amivirt_first(maintainer_name "printenv DEBFULLNAME" "git config user.name" "id -un")
amivirt_first(maintainer_host "hostname -f" "hostname" "echo localhost")
amivirt_first(maintainer_user "id -un" "echo root")
amivirt_first(maintainer_mail "printenv DEBEMAIL" "printenv EMAIL" "git config user.email" "echo ${maintainer_user}@${maintainer_host}")
set(CPACK_PACKAGE_CONTACT "${maintainer_name} <${maintainer_mail}>")

# The package's changelog says which version it is, and when its last commit was made: the same commit gives the same maintainer the same package.
if(DEFINED ENV{SOURCE_DATE_EPOCH})
  set(made "$ENV{SOURCE_DATE_EPOCH}")
else()
  execute_process(COMMAND git log -1 --format=%ct WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}" OUTPUT_VARIABLE made OUTPUT_STRIP_TRAILING_WHITESPACE
                  ERROR_QUIET)
endif()
if(NOT made)
  set(made 0)
endif()
execute_process(COMMAND date -u -R -d "@${made}" OUTPUT_VARIABLE AMIVIRT_PACKAGE_DATE OUTPUT_STRIP_TRAILING_WHITESPACE)
configure_file("${PROJECT_SOURCE_DIR}/scripts/cmake/debian-changelog.in" "${PROJECT_BINARY_DIR}/debian/changelog" @ONLY)
find_program(AMIVIRT_GZIP gzip REQUIRED)
execute_process(COMMAND "${AMIVIRT_GZIP}" -9nf "${PROJECT_BINARY_DIR}/debian/changelog" COMMAND_ERROR_IS_FATAL ANY)
install(FILES "${PROJECT_BINARY_DIR}/debian/changelog.gz" DESTINATION "${CMAKE_INSTALL_DOCDIR}")
install(FILES "${PROJECT_SOURCE_DIR}/scripts/cmake/debian-copyright" DESTINATION "${CMAKE_INSTALL_DOCDIR}" RENAME copyright)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME amivirt)
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "Amazon Machine Images on the machine on your desk")
set(CPACK_PACKAGE_DESCRIPTION "An image is a template from which any number of real virtual machines are
launched, each on copy-on-write disks; a machine that was set up becomes a new
image. Launch permissions, block device mappings, snapshots, tags and error
codes are EC2's own. The engine is libvirt with QEMU.")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION admin)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
# Programs that are run, not linked. supermin makes libguestfs's appliance from the host's own files, a kernel among them.
set(CPACK_DEBIAN_PACKAGE_DEPENDS "libvirt-daemon-system, libvirt-daemon-driver-qemu, qemu-system-x86, qemu-utils, openssh-client, supermin")
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "ovmf, libvirt-clients, dnsmasq-base, iptables, linux-image-cloud-amd64 | linux-image-amd64 | linux-image-generic")
# tini: libvirtd's parent in a container. The rest: for the recipes of the sample images.
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "tini, procps, fdisk, e2fsprogs, dosfstools, mtools, cpio, mmdebstrap, fakeroot, uidmap")
include(CPack)
