# Debian's kernels, for the scripts that boot them. Source this file. It installs
# nothing: packages are unpacked into KERNELS_DIR and kept there.

dir=${KERNELS_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/ctop-kernels}
# The kind of machine, by its name in Debian and Go.
arch=${KERNELS_ARCH:-amd64}
mirror=${KERNELS_MIRROR:-http://deb.debian.org/debian}

# need ends the script if a tool is missing. Each argument is TOOL:PACKAGE.
need() {
  local tool missing=()
  for tool in "$@"; do
    command -v "${tool%%:*}" >/dev/null || missing+=("${tool##*:}")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  echo "tools are missing: apt-get install ${missing[*]}" >&2
  exit 1
}

need apt-get:apt busybox:busybox-static cpio:cpio dpkg-deb:dpkg xz:xz-utils

# apt_options makes apt use only one suite, and leave the machine's own lists alone.
apt_options() {
  local lists=$dir/$1/apt
  mkdir -p "$lists/lists/partial" "$lists/cache/archives/partial"
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $1 main" >"$lists/sources.list"
  options=(-o "Dir::Etc::sourcelist=$lists/sources.list" -o Dir::Etc::sourceparts=/dev/null
    -o "Dir::State::lists=$lists/lists" -o "Dir::Cache=$lists/cache" -o Dir::State::status=/dev/null
    -o Acquire::Languages=none -o APT::Architecture=$arch -o APT::Sandbox::User=root -qq)
}

depends() { apt-cache "${options[@]}" depends "$1" | sed -n 's/^ *|\{0,1\}Depends: //p'; }

# fetch unpacks the newest kernel of a suite into a directory below KERNELS_DIR,
# in the flavour of the package linux-image-FLAVOUR, and prints its version.
fetch() {
  local suite=$1 flavour=$2 to=$dir/$3 image package
  apt_options "$suite"
  apt-get "${options[@]}" update
  image=$(depends "linux-image-$flavour" | grep '^linux-image-')
  if [ ! -e "$to/$image" ]; then
    rm -rf "$to/root"
    mkdir -p "$to/root"
    for package in "$image" $(depends "$image" | grep -E '^linux-(binary|modules)-' || true); do
      (cd "$to" && apt-get "${options[@]}" download "$package" && dpkg-deb -x "$package"_*.deb root && rm "$package"_*.deb)
    done
    touch "$to/$image"
  fi
  echo "${image#linux-image-}"
}

# add_modules copies the available ones of a list of modules, and what they need, into an
# initial file system, and records the order in which to load them.
add_modules() {
  local from=$1 root=$2 module
  shift 2
  : >"$root/modules/order"
  for module in "$@"; do add_module "$from" "$root" "$module"; done
}

add_module() {
  local from=$1 root=$2 module=$3 file needed
  ! grep -qx -e "$module" "$root/modules/order" || return 0
  file=$(find "$from/" -name "${module//[-_]/[-_]}.ko*" | head -n 1)
  case $file in
  '') return 0 ;;
  *.xz) xz -dc "$file" >"$root/modules/$module.ko" ;;
  *) cp "$file" "$root/modules/$module.ko" ;;
  esac
  for needed in $(LC_ALL=C tr '\0' '\n' <"$root/modules/$module.ko" | LC_ALL=C sed -n 's/^depends=//p' | tr , ' '); do
    add_module "$from" "$root" "$needed"
  done
  echo "$module" >>"$root/modules/order"
}

# pack creates the image of an initial file system.
pack() { (cd "$1" && find . | cpio --quiet -o -H newc | gzip -1) >"$2"; }

# vmlinuz prints the file of an unpacked kernel.
vmlinuz() { find "$1/" -name 'vmlinuz*' | head -n 1; }
