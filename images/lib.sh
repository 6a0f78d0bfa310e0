# shellcheck shell=bash disable=SC2034
# Shared by the recipes: images/<name>/build sources this file. Bash.
#
# What every recipe promises: `build OUT.qcow2`, Debian packages in, a qcow2 file out; no root, no mounts, no loop devices; the same
# packages give the same bytes; OUT appears only when whole; nothing is left behind.

set -euo pipefail
export LC_ALL=C TZ=UTC
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin      # an ordinary user's PATH lacks mke2fs and sfdisk
umask 022

recipe=$(cd "$(dirname -- "$0")" && pwd)        # the recipe's folder
name=${recipe##*/}
child=

say() { printf '%s: %s\n' "$name" "$*" >&2; }
die() { say "$*"; exit 1; }

# begin "$@": reads the command line, makes $work (removed on any exit) and sets $out.
begin() {
    case ${1-} in -h | --help) usage; exit 0 ;; esac
    if [ $# -ne 1 ] || [ -z "$1" ]; then usage >&2; exit 2; fi
    case $1 in -*) usage >&2; exit 2 ;; esac
    out=$1
    [ ! -d "$out" ] || die "'$out' is a directory; give the name of the file to write"
    local folder
    folder=$(dirname -- "$out")
    [ -d "$folder" ] || die "the folder '$folder' does not exist"
    [ -w "$folder" ] || die "the folder '$folder' is not writable"
    out=$(cd "$folder" && pwd)/$(basename -- "$out")
    part=$out.part.$$
    work=$(mktemp -d "${TMPDIR:-/var/tmp}/amivirt-$name.XXXXXX")
    trap 'discard "$?"' EXIT
    trap 'exit 129' HUP
    trap 'exit 130' INT
    trap 'exit 143' TERM
}

usage() {
    printf 'usage: %s OUT.qcow2\n\nBuilds the sample image "%s" from Debian packages.\n' "$0" "$name"
}

discard() {
    trap '' HUP INT TERM
    if [ -n "$child" ] && kill -- "-$child" 2>/dev/null; then wait "$child" 2>/dev/null || true; fi
    rm -f -- "$part"
    if ! rm -rf -- "$work" 2>/dev/null; then
        chmod -R u+rwX "$work" 2>/dev/null || true
        rm -rf -- "$work" || say "left behind: $work"
    fi
    exit "$1"
}

# run COMMAND...: a long one, in a process group of its own, so that a signal to the recipe ends it and all that it started at once.
run() {
    local status=0
    set -m
    "$@" </dev/null &
    child=$!
    set +m
    wait "$child" || status=$?
    child=
    return "$status"
}

# need TOOL=PACKAGE...: refuses, naming all that is missing at once.
need() {
    local pair tool missing='' packages=''
    for pair; do
        tool=${pair%%=*}
        command -v "$tool" >/dev/null && continue
        missing+=" $tool"
        case " $packages " in *" ${pair#*=} "*) ;; *) packages+=" ${pair#*=}" ;; esac
    done
    [ -z "$missing" ] || die "missing:$missing -- install with: apt-get install$packages"
}

# know PACKAGE...: makes sure that apt knows the packages, from this machine's own sources. Where the machine's package lists are absent
# they are read into $work, which needs no privilege.
know() {
    export APT_CONFIG=$work/apt.conf
    printf 'Dir::Log "%s";\n' "$work" >"$APT_CONFIG"
    [ "$(id -u)" != 0 ] || printf 'APT::Sandbox::User "root";\n' >>"$APT_CONFIG"      # $work is closed to the user _apt
    apt-cache show --no-all-versions "$@" >/dev/null 2>&1 && return
    say "reading the package lists"
    mkdir -p "$work/apt/lists/partial" "$work/apt/cache/archives/partial"
    printf '%s\n' "Dir::State::Lists \"$work/apt/lists\";" "Dir::Cache \"$work/apt/cache\";" \
        '#clear APT::Update::Post-Invoke;' '#clear APT::Update::Post-Invoke-Success;' >>"$APT_CONFIG"
    run apt-get -q update >"$work/apt.log" 2>&1 || { cat "$work/apt.log" >&2; die "apt-get update failed"; }
    apt-cache show --no-all-versions "$@" >/dev/null 2>&1 || die "this machine's apt sources do not have all of: $*"
}

# fetch PACKAGE...: downloads and unpacks into $work/x.
fetch() {
    local deb
    mkdir -p "$work/debs" "$work/x"
    cd "$work/debs"
    run apt-get -q download "$@" >"$work/apt.log" 2>&1 || { cat "$work/apt.log" >&2; die "apt-get download failed (are this machine's package lists old? apt-get update)"; }
    cd - >/dev/null
    for deb in "$work"/debs/*.deb; do
        dpkg-deb -x "$deb" "$work/x"
    done
}

# le NUMBER BYTES: the number in little-endian binary.
le() {
    local i hex=''
    for ((i = 0; i < $2; i++)); do hex+=$(printf '\\x%02x' $((($1 >> (8 * i)) & 255))); done
    # shellcheck disable=SC2059
    printf "$hex"
}

# poke FILE OFFSET: overwrites bytes of the file with stdin.
poke() {
    dd of="$1" bs=64k oflag=seek_bytes seek="$2" conv=notrunc,sparse iflag=fullblock status=none
}

readonly sector=512
readonly type_linux=0FC63DAF-8483-4772-8E79-3D69D8477DE4 type_esp=C12A7328-F81F-11D2-BA4B-00A0C93EC93B
readonly type_bios=21686148-6449-6E6F-744E-656564454649

# gpt FILE BYTES: a new disk with the partitions of stdin, in sfdisk's words.
gpt() {
    truncate -s "$2" "$1"
    { printf 'label: gpt\nlabel-id: %s\n' "$(uuid disk)"; cat; } | sfdisk -q --no-tell-kernel --no-reread "$1" || die "sfdisk failed"
}

# uuid WORD: always the same UUID for this image and word.
uuid() {
    local h
    h=$(printf 'amivirt %s %s' "$name" "$1" | sha256sum)
    printf '%s-%s-4%s-8%s-%s' "${h:0:8}" "${h:8:4}" "${h:13:3}" "${h:17:3}" "${h:20:12}"
}

# fat FILE SECTORS SOURCE=/DESTINATION...: a FAT file system with these files.
fat() {
    local file=$1 pair id folder
    id=$(uuid vfat)
    truncate -s $(($2 * sector)) "$file"
    mkfs.vfat --invariant -n ESP -i "${id:0:8}" "$file" >/dev/null
    shift 2
    for pair; do
        folder=${pair#*=/}
        while [[ $folder == */* ]]; do folder=${folder%/*}; printf '%s\n' "$folder"; done
    done | sort -u | while IFS= read -r folder; do mmd -i "$file" "::/$folder" </dev/null; done
    for pair; do mcopy -i "$file" "${pair%%=*}" "::${pair#*=}"; done
}

# finish RAW [FILE OFFSET]: the disk as a qcow2 under its final name, compressed; then FILE, not compressed, at the offset.
finish() {
    run qemu-img convert -q -c -f raw -O qcow2 "$1" "$part"
    if [ $# -gt 1 ]; then
        qemu-io -f qcow2 -c "write -q -s $2 $3 $(stat -c %s "$2")" "$part"
    fi
    sync -- "$part"
    mv -- "$part" "$out"
    say "wrote $out ($(stat -c %s "$out") bytes)"
}

# root_filesystem FILE TREE BYTES LABEL [UID]: an ext4 file system with the tree's files (all owned by UID, if given). The times that no
# one can set on a file get one date, so that the same files give the same bytes.
root_filesystem() {
    local file=$1 inode inodes unused
    rm -f "$file"
    E2FSPROGS_FAKE_TIME=$SOURCE_DATE_EPOCH mke2fs -q -F -t ext4 -d "$2" -L "$4" -U "$(uuid rootfs)" -b 4096 -m 1 \
        -E "hash_seed=$(uuid hash),root_owner=0:0,lazy_itable_init=1,lazy_journal_init=1,nodiscard" "$file" "$(($3 / 1024))k" >/dev/null
    inodes=$(dumpe2fs -h "$file" 2>/dev/null | sed -n 's/^Inode count: *//p')
    unused=$(dumpe2fs -h "$file" 2>/dev/null | sed -n 's/^Free inodes: *//p')
    # mke2fs numbers what it copies from 11 (lost+found) on, without gaps; 2 is the root
    for inode in 2 $(seq 11 $((inodes - unused))); do
        if [ -n "${5-}" ]; then printf 'sif <%d> uid %d\nsif <%d> gid %d\n' "$inode" "$5" "$inode" "$5"; fi
        printf "sif <$inode> %s @$SOURCE_DATE_EPOCH\n" atime ctime crtime
    done | E2FSPROGS_FAKE_TIME=$SOURCE_DATE_EPOCH debugfs -w -f /dev/stdin "$file" >/dev/null 2>"$work/debugfs.log"
    # its first line is only its version
    if sed 1d "$work/debugfs.log" | grep .; then die "debugfs failed"; fi
}
