# Questions to the kernel, and what it is told, without a program for each: kernel parameters, checksum offload, frames.
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
#   7 frames    count:u32 (device:str hex:str)...        -> errno:u32...           link-layer frames to send
#   8 ask       forMs:u32 times:u32 count:u32 (netns:str device:str hex:str patterns:str)...
#               -> (errno:u32 hex:str)...   frames to send, and what the beginning of an answer looks like: hex digits,
#               dots, and | between patterns; the answer is the first frame like it, empty when there was none
#  11 logged    group:u32 bytes:u32 -> (prefix:str frame:str)...   packets that NFLOG of iptables(8) gives to this group,
#               so much of each, with its Ethernet header; goes on until it is killed, and ends with why when it cannot
# Answers are in the order of what was asked. libs/exec/src/kernel-questions.ts is the other end.
package Kernel;
use strict;
use warnings;
use POSIX ();
use Fcntl qw(O_RDONLY O_WRONLY);

# linux/sockios.h, linux/ethtool.h, bits/socket.h; the same on every architecture that spawner.pl knows.
use constant { SIOCETHTOOL => 0x8946, SIOCGIFINDEX => 0x8933, GTXCSUM => 0x16, STXCSUM => 0x17 };
use constant { AF_INET => 2, AF_PACKET => 17, SOCK_DGRAM => 2, SOCK_RAW => 3, SOL_SOCKET => 1, SO_RCVBUFFORCE => 33 };
use constant { MSG_DONTWAIT => 0x40, CHUNK => 65536 };
# linux/netlink.h, linux/netfilter/nfnetlink.h, nfnetlink_log.h
use constant { AF_NETLINK => 16, NETLINK_NETFILTER => 12, NLMSG_ERROR => 2, REQUEST_ACK => 5, ETHERNET => 14 };
use constant { LOG_PACKET => 0x400, LOG_CONFIG => 0x401, CFG_CMD => 1, CFG_MODE => 2, CFG_TIMEOUT => 4, BIND => 1, COPY_PACKET => 2 };
use constant { PACKET_HEADER => 1, PAYLOAD => 9, PREFIX => 10, HARDWARE_HEADER => 16 };

my %answers = (
  2 => sub { each_pair(\&write_value, $_[0]) },
  3 => sub { each_name(\&read_value, $_[0]) },
  5 => sub { each_pair(\&set_offload, $_[0]) },
  6 => sub { each_name(\&get_offload, $_[0]) },
  7 => sub { each_pair(\&send_frame, $_[0]) },
  8 => \&ask,
  11 => \&logged,
);

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
# with many askers each of them hears all the others' questions.
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
  # The namespace that this process is in when it is asked first.
  our $home;
  $home or sysopen $home, '/proc/self/ns/net', O_RDONLY or return $fail->();
  $ear->{errno} = $enter->(length $netns ? $netns : '/proc/self/fd/' . fileno $home) and return $ear;
  # Protocol 0 hears nothing until it is bound to the device.
  socket my $socket, AF_PACKET, SOCK_RAW, 0 or return $fail->();
  setsockopt $socket, SOL_SOCKET, SO_RCVBUFFORCE, pack 'l', 1 << 20;
  $ear->{to} = link_address($socket, $device, $ethertype) or return $fail->();
  bind $socket, $ear->{to} or return $fail->();
  $ear->{socket} = $socket;
  return $ear;
}

sub hear {
  my ($ear) = @_;
  while (defined recv $ear->{socket}, my $frame, 2048, MSG_DONTWAIT) {
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

1;
