#!/bin/sh
# Starts ffmpeg or ffprobe: within limits, yielding to the server, confined, in a process group of its own, and dying with
# the server.
#
# At its start the server runs this file once with --abilities: it prints what the system can do. Then the server writes one
# launcher per tool and niceness, which sets the variables below and sources this file with the arguments of the tool.
#
#   program           absolute path of the tool
#   niceness          0, 5, 10, 19, or idle for Linux's idle policy
#   sandbox           bubblewrap, unshare or none
#   root              an empty folder of the server
#   perl, setsid, setpriv                 absolute paths; empty where the system has none that works
#   open_files, address_space_kilobytes, cpu_seconds, file_blocks       limits; a block has 512 bytes
program=${program-} root=${root-}

# Prints the absolute path of a program, or nothing.
path_of() {
  found=$(command -v "$1") || return 0
  case $found in /*) echo "$found" ;; esac
}

print_abilities() {
  perl=$(path_of perl)
  if [ -n "$perl" ] && "$perl" -e 1; then echo "perl=$perl"; fi
  setsid=$(path_of setsid)
  if [ -n "$setsid" ] && "$setsid" /bin/sh -c :; then echo "setsid=$setsid"; fi
  setpriv=$(path_of setpriv)
  if [ -n "$setpriv" ] && "$setpriv" --pdeathsig KILL /bin/sh -c :; then echo "setpriv=$setpriv"; fi
  # Some containers refuse the idle policy. It is given to a process that sleeps: beside a busy neighbour a process that has
  # it may not come to its end for seconds.
  sleep 9 &
  if chrt -i -p 0 $! > /dev/null; then echo 'idle=yes'; fi
  kill -9 $!
}

# POSIX knows the limit of file sizes only. A shell or a system that does not know another one goes without it.
limit() {
  # shellcheck disable=SC3045
  ulimit "$1" "$2" 2> /dev/null || :
}

# Sets input and output to the files that the arguments name: a sandbox lets these two through.
find_files() {
  input='' output='' before=''
  for word; do
    case $before,$word in -i,file:*) input=${word#file:} ;; esac
    before=$word
  done
  case $before in
    file:*) [ "${before#file:}" = "$input" ] || output=${before#file:} ;;
  esac
  # A sandbox can only let through what exists.
  [ -z "$output" ] || : >> "$output"
}

# Programs and libraries; nothing that belongs to a person. What a system does not have is left out.
system_paths='/usr /bin /sbin /lib /lib32 /lib64 /etc/ld.so.cache /etc/alternatives'

# A program outside the system's folders is a build of one's own, and must bring its libraries with it.
is_own_program() {
  case $program in
    /usr/* | /bin/* | /sbin/* | /lib/* | /lib32/* | /lib64/* | /etc/alternatives/*) return 1 ;;
  esac
}

# Shows a file or a folder at the same path under the new root.
show() {
  if [ -L "$1" ]; then
    cp -P "$1" "$root$1"
    return
  fi
  if [ -d "$1" ]; then mkdir -p "$root$1"; else
    mkdir -p "$root${1%/*}"
    : > "$root$1"
  fi
  mount -o "$2" "$1" "$root$1"
}

# Does by hand, with root's rights, what bubblewrap does: makes a root in memory, mounts what may be seen into it, and takes the
# old root away. Takes 0.07 s where bubblewrap takes 0.01 s.
enter_root() {
  set -e
  mount -t tmpfs -o mode=0755,size=1m,nosuid,nodev tmpfs "$root"
  for path in $system_paths; do
    if [ -e "$path" ]; then show "$path" rbind,ro; fi
  done
  if is_own_program && [ -e "$program" ]; then show "$program" rbind,ro; fi
  if [ -n "$input" ]; then show "$input" bind,ro; fi
  if [ -n "$output" ]; then show "$output" bind; fi
  mkdir "$root/.old" "$root/proc"
  # umount reads there what is mounted.
  mount -t proc proc "$root/proc"
  cd "$root"
  pivot_root . .old
  cd /
  umount -l /.old
  mount -o remount,ro /
  umount -l /proc
  set +e
}

if [ "$1" = --abilities ]; then
  print_abilities 2> /dev/null
  exit 0
fi
: "${program:?}" "${niceness:?}" "${sandbox:?}" "${root:?}" "${perl?}" "${setsid?}" "${setpriv?}"

limit -c 0
limit -n "${open_files:?}"
limit -v "${address_space_kilobytes:?}"
limit -t "${cpu_seconds:?}"
limit -f "${file_blocks:?}"

minimal_path=/usr/local/bin:/usr/bin:/bin

# unshare starts the launcher again, inside the namespaces that it has made.
if [ "$1" = --in-namespaces ]; then
  input=$2 output=$3
  shift 3
  enter_root
  exec env -i PATH=$minimal_path \
    setpriv --bounding-set=-all --inh-caps=-all --no-new-privs --pdeathsig KILL -- "$program" "$@"
fi

# From here on "$@" becomes the command to run, from its end to its beginning.
[ "$sandbox" = none ] || find_files "$@"
case $sandbox in
  unshare)
    # A process that is nice makes its namespaces as well as any other.
    set -- "$setpriv" --pdeathsig KILL \
      unshare --mount --net --ipc --uts --pid --fork --kill-child "$0" --in-namespaces "$input" "$output" "$@"
    ;;
  none)
    set -- "$program" "$@"
    [ -z "$setpriv" ] || set -- "$setpriv" --pdeathsig KILL "$@"
    set -- env -i PATH=$minimal_path "$@"
    cd "$root" || exit
    ;;
  *) set -- "$program" "$@" ;;
esac
case $niceness in
  0) ;;
  # Linux puts a process under the idle policy aside at once when the server has something to do; a process that is merely
  # nice finishes its turn of 3 ms or so.
  idle) set -- chrt -i 0 "$@" ;;
  *) set -- nice -n "$niceness" "$@" ;;
esac
if [ "$sandbox" = bubblewrap ]; then
  # The program yields, bubblewrap does not: when the server is killed while bubblewrap makes its namespaces, bubblewrap dies,
  # and its child, which does not ask to die with it yet, waits for it for ever. Under the idle policy on a busy machine that
  # moment lasted long enough to be met once in 13 kills.
  set -- --chdir / -- "$@"
  [ -z "$output" ] || set -- --bind "$output" "$output" "$@"
  [ -z "$input" ] || set -- --ro-bind "$input" "$input" "$@"
  if is_own_program; then set -- --ro-bind-try "$program" "$program" "$@"; fi
  for path in $system_paths; do set -- --ro-bind-try "$path" "$path" "$@"; done
  set -- env -i PATH=$minimal_path \
    bwrap --unshare-all --die-with-parent --as-pid-1 --cap-drop ALL "$@"
fi
# A process group of its own, so that the program ends with all that it started. It stays in the session of the server: where
# Linux shares out the processor by session (autogroup), niceness counts within one session only.
if [ -n "$perl" ]; then
  # shellcheck disable=SC2016 # These variables are Perl's.
  set -- "$perl" -e 'setpgrp; exec { $ARGV[0] } @ARGV or die "$ARGV[0]: $!\n"' "$@"
elif [ -n "$setsid" ]; then
  # A session of its own is all that can be had: the session has to be as nice as the program.
  session_niceness=$niceness
  [ "$niceness" != idle ] || session_niceness=19
  # shellcheck disable=SC2016 # The inner shell expands them.
  set -- "$setsid" /bin/sh -c '{ echo "$0" > /proc/$$/autogroup; } 2> /dev/null; exec "$@"' "$session_niceness" "$@"
fi
exec "$@"
