# Questions to the kernel, and what it is told, without a program for each: kernel parameters, checksum offload, frames,
# and what there is in network namespaces.
# Loaded by spawner.pl, which calls `Kernel::reply` in a child of its own for each request, inside the namespace that
# the request names.
#
# Goals: one child for any number of parameters, devices or frames; each of them answers for itself, so that one that
# is refused does not hide the others; of files only those below /proc/sys are read or written.
#
# Bodies of requests by type, and of their answers, in spawner.pl's notation:
#   2 write     count:u32 (path:str value:str)...        -> errno:u32...           paths below /proc/sys only
#   3 read      count:u32 path:str...                    -> (errno:u32 value:str)...        likewise
#   5 offload   count:u32 (device:str "0"|"1":str)...    -> errno:u32...           as ethtool -K DEVICE tx off|on
#   6 offloads  count:u32 device:str...                  -> (errno:u32 "0"|"1":str)...
#   8 ask       forMs:u32 times:u32 count:u32 (netns:str device:str hex:str patterns:str)...
#               -> (errno:u32 hex:str)...   frames to send, and what the beginning of an answer looks like: hex digits,
#               dots, and | between patterns; the answer is the first frame like it, empty when there was none
#  11 logged    group:u32 bytes:u32 -> (prefix:str frame:str)...   packets that NFLOG of iptables(8) gives to this group,
#               so much of each, with its Ethernet header; goes on until it is killed, and ends with why when it cannot
#  12 look      count:u32 (parts:u32 devices:str netnses:str links:str keys:str)... (lists are parted by NUL)
#               -> (entered:u32 errno:u32 revision:str messages:str values:str offloads:str)...   for each namespace what
#               rtnetlink(7) says of the parts asked for (%parts), as it says it; the parameters `keys`, in which `%` stands
#               for each device that is like the pattern `devices`; their checksum offload; and how often nf_tables was
#               changed, with the number that this namespace alone has. Links: all, or those of these names. A value
#               or an offload is a pair of strings: path or device, and what it is
#  13 each      count:u32 (netns:str type:str name:str value:str)... -> (entered:u32 errno:u32)...   pairs of 2 and of 5, and a
#               device and a link-layer frame in hex to send from it (type 7), each in a namespace of its own; empty: where
#               this process works. One child goes from one to the next
# Answers are in the order of what was asked. libs/exec/src/kernel-questions.ts and looks.ts are the other end.
package Kernel;
use strict;
use warnings;
use POSIX ();
use Fcntl qw(O_RDONLY O_WRONLY);

# linux/sockios.h, linux/ethtool.h, bits/socket.h; the same on every architecture that spawner.pl knows.
use constant { SIOCETHTOOL => 0x8946, SIOCGIFINDEX => 0x8933, GTXCSUM => 0x16, STXCSUM => 0x17 };
use constant { AF_INET => 2, AF_PACKET => 17, SOCK_DGRAM => 2, SOCK_RAW => 3, SOL_SOCKET => 1, SO_RCVBUFFORCE => 33 };
use constant { SO_ATTACH_FILTER => 26, ETH_P_ALL => 3, PACKET_OUTGOING => 4 };
use constant { MSG_DONTWAIT => 0x40, CHUNK => 65536 };
# linux/rtnetlink.h, if_link.h, netfilter/nf_tables.h; asm-generic/socket.h
use constant { NETLINK_ROUTE => 0, NLMSG_DONE => 3, REQUEST => 1, DUMP => 0x301, DUMP_INTR => 0x10, GETLINK => 18, NEWLINK => 16 };
use constant { IFLA_IFNAME => 3, IFLA_EXT_MASK => 29, SKIP_STATS => 8, GETGEN => 0xa10, SO_NETNS_COOKIE => 71 };
# linux/netlink.h, linux/netfilter/nfnetlink.h, nfnetlink_log.h
use constant { AF_NETLINK => 16, NETLINK_NETFILTER => 12, NLMSG_ERROR => 2, REQUEST_ACK => 5, ETHERNET => 14 };
use constant { LOG_PACKET => 0x400, LOG_CONFIG => 0x401, CFG_CMD => 1, CFG_MODE => 2, CFG_TIMEOUT => 4, BIND => 1, COPY_PACKET => 2 };
use constant { PACKET_HEADER => 1, PAYLOAD => 9, PREFIX => 10, HARDWARE_HEADER => 16 };

my %answers = (
  2 => sub { each_pair(\&write_value, $_[0]) },
  3 => sub { each_name(\&read_value, $_[0]) },
  5 => sub { each_pair(\&set_offload, $_[0]) },
  6 => sub { each_name(\&get_offload, $_[0]) },
  8 => \&ask,
  11 => \&logged,
  12 => \&look,
  13 => \&in_each,
);
my %setters = (2 => \&write_value, 5 => \&set_offload, 7 => \&send_frame);

sub knows { exists $answers{ $_[0] } }

# Whether its answer comes in pieces, without an end.
sub goes_on { $_[0] == 11 }

# The answer to a request of this type. `$enter` enters the namespace of a path and returns an errno.
sub reply {
  my ($type, $body, $enter) = @_;
  return $answers{$type}->($body, $enter);
}

sub each_pair {
  my ($set, $body) = @_;
  my ($count, $list) = unpack 'N a*', $body;
  my @pairs = unpack '(N/a*)' . (2 * $count), $list;
  my $reply = '';
  while (my ($name, $value) = splice @pairs, 0, 2) { $reply .= pack 'N', $set->($name, $value) }
  return $reply;
}

sub in_each {
  my ($body, $enter) = @_;
  my ($count, $list) = unpack 'N a*', $body;
  my @fields = unpack '(N/a*)' . (4 * $count), $list;
  my ($reply, $here, $errno) = ('', '', 0);
  while (my ($netns, $type, $name, $value) = splice @fields, 0, 4) {
    ($here, $errno) = ($netns, go_to($enter, $netns)) if $here ne $netns;
    my $set = $setters{$type} or return $reply;
    $reply .= pack 'N N', $errno, $errno ? 0 : $set->($name, $value);
  }
  return $reply;
}

# Enters the namespace of this path, or for an empty one the one that this process was in when it first went anywhere; the errno.
sub go_to {
  my ($enter, $netns) = @_;
  our $home;
  $home or sysopen $home, '/proc/self/ns/net', O_RDONLY or return $! + 0;
  return $enter->(length $netns ? $netns : '/proc/self/fd/' . fileno $home);
}

sub each_name {
  my ($get, $body) = @_;
  my ($count, $list) = unpack 'N a*', $body;
  return join '', map { $get->($_) } unpack "(N/a*)$count", $list;
}

sub is_sysctl { $_[0] =~ m{\A/proc/sys/} && $_[0] !~ m{/\.\.?(?:/|\z)|[\0\n]} }

sub write_value {
  my ($path, $value) = @_;
  return POSIX::EPERM() if !is_sysctl($path);
  sysopen my $handle, $path, O_WRONLY or return $! + 0;
  my $sent = syswrite $handle, $value;
  return defined $sent ? 0 : $! + 0;
}

sub read_value {
  my ($path) = @_;
  return pack 'N N/a*', POSIX::EPERM(), '' if !is_sysctl($path);
  sysopen my $handle, $path, O_RDONLY or return pack 'N N/a*', $! + 0, '';
  my $value = '';
  while (1) {
    my $got = sysread $handle, $value, CHUNK, length $value;
    return pack 'N N/a*', $! + 0, '' if !defined $got;
    last if $got == 0;
  }
  return pack 'N N/a*', 0, $value;
}

# The errno and the value. `pack 'P'` is a pointer to the string itself: the kernel answers into $value.
sub ethtool {
  my ($device, $command, $data) = @_;
  socket my $socket, AF_INET, SOCK_DGRAM, 0 or return ($! + 0, 0);
  my $value = pack 'L L', $command, $data;
  my $request = pack 'a16 P x16', $device, $value;
  ioctl $socket, SIOCETHTOOL, $request or return ($! + 0, 0);
  return (0, (unpack 'L L', $value)[1]);
}

sub set_offload { (ethtool($_[0], STXCSUM, $_[1]))[0] }

sub get_offload {
  my ($errno, $on) = ethtool($_[0], GTXCSUM, 0);
  return pack 'N N/a*', $errno, $errno ? '' : $on;
}

sub send_frame {
  my ($device, $hex) = @_;
  socket my $socket, AF_PACKET, SOCK_RAW, 0 or return $! + 0;
  my $address = link_address($socket, $device, 0) or return $! + 0;
  return defined send($socket, pack('H*', $hex), 0, $address) ? 0 : $! + 0;
}

# sockaddr_ll of packet(7): frames of this ethertype on this device. Nothing when there is no such device.
sub link_address {
  my ($socket, $device, $ethertype) = @_;
  my $request = pack 'a16 x24', $device;
  ioctl $socket, SIOCGIFINDEX, $request or return;
  return pack 'S n l S C C a8', AF_PACKET, $ethertype, (unpack 'x16 l', $request), 0, 0, 6, '';
}

# A socket belongs to the namespace it was made in: one process asks in all of them at the same time. One socket a device and ethertype, for on a segment
# with many askers each of them hears all the others' questions. A device in a bridge or switch gives its frames to that before any ethertype is looked at,
# so a socket hears all ethertypes and has the kernel leave out the others.
sub ask {
  my ($body, $enter) = @_;
  my ($for_ms, $times, $count, $list) = unpack 'N N N a*', $body;
  my @fields = unpack '(N/a*)' . (4 * $count), $list;
  my (@asked, %ears);
  while (my ($netns, $device, $hex, $patterns) = splice @fields, 0, 4) {
    my $frame = pack 'H*', $hex;
    my $ethertype = unpack 'x12 n', $frame;
    my $ear = $ears{"$ethertype $device $netns"} ||= listen_on($enter, $netns, $device, $ethertype);
    my $each = { ear => $ear, frame => $frame, like => qr/\A(?:$patterns)/, errno => $ear->{errno}, heard => '' };
    push @{ $ear->{asked} }, $each;
    push @asked, $each;
  }
  my @ears = grep { !$_->{errno} } values %ears;
  $times ||= 1;
  my $start = clock();
  for my $round (1 .. $times) {
    for my $each (grep { is_open($_) } @asked) {
      defined send($each->{ear}{socket}, $each->{frame}, 0, $each->{ear}{to}) or $each->{errno} = $! + 0;
    }
    my $left;
    while (grep({ is_open($_) } @asked) && ($left = $start + $for_ms / 1000 * $round / $times - clock()) > 0) {
      my $readable = '';
      vec($readable, fileno $_->{socket}, 1) = 1 for @ears;
      select $readable, undef, undef, $left or next;
      select undef, undef, undef, 0.005; # frames come in bursts: many are taken at a time
      hear($_) for @ears;
    }
  }
  return join '', map { pack 'N N/a*', $_->{errno}, $_->{heard} } @asked;
}

# Seconds since some moment, in steps of a hundredth.
sub clock { (POSIX::times())[0] / POSIX::sysconf(POSIX::_SC_CLK_TCK()) }

sub is_open { !$_[0]{errno} && !length $_[0]{heard} }

# Hears from here on. Leaves the process in that namespace: each call enters its own.
sub listen_on {
  my ($enter, $netns, $device, $ethertype) = @_;
  my $ear = { errno => 0, asked => [] };
  my $fail = sub { $ear->{errno} = $! + 0; return $ear };
  $ear->{errno} = go_to($enter, $netns) and return $ear;
  # Protocol 0 hears nothing until it is bound to the device.
  socket my $socket, AF_PACKET, SOCK_RAW, 0 or return $fail->();
  setsockopt $socket, SOL_SOCKET, SO_RCVBUFFORCE, pack 'l', 1 << 20;
  $ear->{to} = link_address($socket, $device, $ethertype) or return $fail->();
  attach_filter($socket, $ethertype) or return $fail->();
  bind $socket, link_address($socket, $device, ETH_P_ALL) or return $fail->();
  $ear->{socket} = $socket;
  return $ear;
}

# Classic BPF (bpf(4)): the halfword at byte 12 of the frame is the ethertype, or nothing of it is received.
sub attach_filter {
  my ($socket, $ethertype) = @_;
  my $program = join '', map { pack 'S C C L', @$_ } [ 0x28, 0, 0, 12 ], [ 0x15, 0, 1, $ethertype ], [ 0x06, 0, 0, 0xffff ], [ 0x06, 0, 0, 0 ];
  return setsockopt $socket, SOL_SOCKET, SO_ATTACH_FILTER, pack 'S x![P] P', 4, $program;
}

sub hear {
  my ($ear) = @_;
  while (defined(my $from = recv $ear->{socket}, my $frame, 2048, MSG_DONTWAIT)) {
    next if unpack('x10 C', $from) == PACKET_OUTGOING; # what is sent to the device's other end is no answer of it
    my $hex = unpack 'H*', $frame;
    for my $each (@{ $ear->{asked} }) {
      next if substr($frame, 6, 6) eq substr($each->{frame}, 6, 6);
      $each->{heard} ||= $hex if $hex =~ $each->{like};
    }
  }
}

sub logged {
  my ($group, $bytes) = unpack 'N N', $_[0];
  my $give_up = sub { print STDERR "nflog: $_[0]: $!\n"; POSIX::_exit(1) };
  socket my $socket, AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER or $give_up->('socket');
  setsockopt $socket, SOL_SOCKET, SO_RCVBUFFORCE, pack 'l', 1 << 20;
  my @settings = ([ CFG_CMD, pack 'C', BIND ], [ CFG_MODE, pack 'N C C', $bytes, COPY_PACKET, 0 ],
    [ CFG_TIMEOUT, pack 'N', 10 ]); # hundredths of a second
  for my $each (@settings) {
    my $attribute = pack 'S S a*', 4 + length $each->[1], @$each;
    $attribute .= "\0" x (-length($attribute) % 4);
    my $body = pack 'C C n a*', 0, 0, $group, $attribute;
    defined send $socket, pack('L S S L L a*', 16 + length $body, LOG_CONFIG, REQUEST_ACK, 0, 0, $body), 0
      or $give_up->('send');
  }
  while (1) {
    # Too many at once (ENOBUFS): some are lost.
    if (!defined recv $socket, my $messages, CHUNK * 4, 0) { next if $!{ENOBUFS} || $!{EINTR}; $give_up->('recv') }
    else { logged_in($messages, $give_up) }
  }
}

# Passes on the packets in what was received.
sub logged_in {
  my ($messages, $give_up) = @_;
  my $out = '';
  while (length $messages >= 16) {
    my ($length, $type) = unpack 'L S', $messages;
    last if $length < 16 || $length > length $messages;
    my $body = substr $messages, 16, $length - 16;
    substr($messages, 0, ($length + 3) & ~3) = '';
    if ($type == NLMSG_ERROR && (my $errno = -unpack 'l', $body)) { $! = $errno; $give_up->('refused') }
    next if $type != LOG_PACKET;
    my %found;
    for (my $at = 4; $at + 4 <= length $body;) {
      my ($size, $which) = unpack 'S S', substr $body, $at, 4;
      last if $size < 4;
      $found{ $which & 0x3fff } = substr $body, $at + 4, $size - 4;
      $at += ($size + 3) & ~3;
    }
    next if !defined $found{ +PAYLOAD };
    my $head = $found{ +HARDWARE_HEADER } // '';
    $head = ("\0" x 12) . substr($found{ +PACKET_HEADER } // "\0\0", 0, 2) if length $head != ETHERNET;
    $out .= pack 'N/a* N/a*', ($found{ +PREFIX } // '') =~ s/\0.*//sr, $head . $found{ +PAYLOAD };
  }
  while (length $out) {
    my $sent = syswrite STDOUT, $out;
    POSIX::_exit(126) if !defined $sent;
    substr($out, 0, $sent) = '';
  }
}

# Bits of `parts`; what is not a dump of rtnetlink is done apart. A dump is a type of message and its body.
use constant { ALL_LINKS => 1, OFFLOADS => 2, REVISION => 4 };
my %parts = (
  8 => [ [ 22, pack 'C x7', 0 ] ],                                          # addresses
  16 => [ [ 26, pack 'C x11', AF_INET ], [ 26, pack 'C x11', 10 ] ],        # routes of both families
  32 => [ [ 30, pack 'C x11', 0 ], [ 30, pack 'C x9 C x', 0, 8 ] ],         # neighbours; those that are answered for
  64 => [ [ 34, pack 'C x11', AF_INET ], [ 34, pack 'C x11', 10 ] ],        # policy rules of both families
  128 => [ [ 38, pack 'C x19', 0 ] ],                                       # queueing disciplines
);
my @dumps = map { [ $_, @{ $parts{$_} } ] } sort { $a <=> $b } keys %parts;

sub look {
  my ($body, $enter) = @_;
  my ($count, $list) = unpack 'N a*', $body;
  my @asked = unpack "(N (N/a*)4)$count", $list;
  my ($reply, $here) = ('', '');
  while (my ($parts, $devices, $netnses, $links, $keys) = splice @asked, 0, 5) {
    my $like = qr/\A(?:$devices)/;
    my @keys = split /\0/, $keys;
    for my $netns (length $netnses ? split(/\0/, $netnses) : '') {
      my $errno = $here eq $netns ? 0 : go_to($enter, $netns);
      $here = $netns if !$errno;
      $reply .= $errno ? pack 'N N (N/a*)4', $errno, 0, ('') x 4 : seen_here($parts, $like, [ split /\0/, $links ], \@keys);
    }
  }
  return $reply;
}

sub seen_here {
  my ($parts, $like, $links, $keys) = @_;
  my $failed = sub { pack 'N N (N/a*)4', 0, $! + 0, ('') x 4 };
  socket my $socket, AF_NETLINK, SOCK_RAW, NETLINK_ROUTE or return $failed->();
  # Before what it speaks of is read: a change meanwhile makes it old, not wrong.
  my $revision = $parts & REVISION ? revision_here($socket) : '';
  my $mask = pack 'S S L', 8, IFLA_EXT_MASK, SKIP_STATS;
  my $messages = '';
  if ($parts & ALL_LINKS) {
    defined($messages = told($socket, GETLINK, DUMP, pack('x16') . $mask)) or return $failed->();
  }
  for my $name (@$links) {
    my $attribute = pack 'S S Z*', 5 + length $name, IFLA_IFNAME, $name;
    $attribute .= "\0" x (-length($attribute) % 4);
    $messages .= told($socket, GETLINK, REQUEST, pack('x16') . $attribute . $mask) // '';
  }
  my @devices = grep { $_ =~ $like } names_in($messages);
  for my $each (@dumps) {
    my ($bit, @asked) = @$each;
    next if !($parts & $bit);
    for my $dump (@asked) {
      my $told = told($socket, $dump->[0], DUMP, $dump->[1]);
      # A kernel without a family has nothing of it, and what it has none of is not the same: the end of each dump says which it was.
      return $failed->() if !defined $told && !$!{EAFNOSUPPORT} && !$!{EOPNOTSUPP};
      my $family = unpack 'C', $dump->[1];
      $messages .= $told . pack 'L S S L L', 16, NLMSG_DONE, 0, $dump->[0] << 8 | $family, 0 if defined $told;
    }
  }
  my $values = '';
  for my $key (@$keys) {
    for my $device ($key =~ /%/ ? @devices : '') {
      my $path = $key =~ s/%/$device/r;
      my ($wrong, $value) = unpack 'N N/a*', read_value($path);
      $values .= pack 'N/a* N/a*', $path, $value if !$wrong;
    }
  }
  my $offloads = '';
  for my $device ($parts & OFFLOADS ? @devices : ()) {
    my ($wrong, $on) = ethtool($device, GTXCSUM, 0);
    $offloads .= pack 'N/a* N/a*', $device, $on if !$wrong;
  }
  return pack 'N N (N/a*)4', 0, 0, $revision, $messages, $values, $offloads;
}

# What the kernel answers, without the end of a dump; undefined, with errno, when it refuses. A dump that was overtaken by a change is asked for anew.
sub told {
  my ($socket, $type, $flags, $body) = @_;
  for my $left (reverse 0 .. 4) {
    my $request = pack 'L S S L L a*', 16 + length $body, $type, $flags, 1, 0, $body;
    defined send $socket, $request, 0 or return;
    my ($told, $torn, $ended) = ('', 0, 0);
    while (!$ended) {
      defined recv $socket, my $messages, CHUNK, 0 or return;
      my $at = 0;
      while ($at + 16 <= length $messages) {
        my ($length, $kind, $how) = unpack 'L S S', substr $messages, $at, 8;
        $torn ||= $how & DUMP_INTR;
        if ($kind == NLMSG_ERROR || $kind == NLMSG_DONE) {
          my $errno = $length >= 20 ? -unpack 'l', substr $messages, $at + 16, 4 : 0;
          if ($errno > 0) { $! = $errno; return }
          $ended = 1;
          last;
        }
        $at += ($length + 3) & ~3;
      }
      $told .= substr $messages, 0, $at;
      $ended ||= $flags == REQUEST;
    }
    return $told if !$torn || !$left;
  }
}

sub names_in {
  my ($messages) = @_;
  my @names;
  for (my $at = 0; $at + 32 <= length $messages;) {
    my ($length, $type) = unpack 'L S', substr $messages, $at, 6;
    for (my $to = $at + 32; $type == NEWLINK && $to + 4 < $at + $length;) {
      my ($size, $which) = unpack 'S S', substr $messages, $to, 4;
      last if $size < 4;
      if ($which == IFLA_IFNAME) { push @names, unpack 'Z*', substr $messages, $to + 4, $size - 4; last }
      $to += ($size + 3) & ~3;
    }
    $at += ($length + 3) & ~3;
  }
  return @names;
}

# Cookie of the namespace and number of changes of nf_tables in it; nothing where the kernel does not tell (Linux 5.14).
# perl's own getsockopt offers more room than the kernel takes for the cookie.
sub revision_here {
  my ($socket) = @_;
  my ($cookie, $size) = ("\0" x 8, pack 'L', 8);
  syscall($main::GETSOCKOPT, fileno $socket, SOL_SOCKET, SO_NETNS_COOKIE, $cookie, $size) == 0 or return '';
  socket my $tables, AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER or return '';
  my $told = told($tables, GETGEN, REQUEST, pack 'C C n', 0, 0, 0) // '';
  return length $told < 28 ? '' : unpack('Q', $cookie) . ' ' . unpack 'N', substr $told, 24, 4;
}

1;
