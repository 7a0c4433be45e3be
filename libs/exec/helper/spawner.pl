#!/usr/bin/perl
# Starts processes for a parent whose own fork would be slow.
#
# Goals: a process started at the price of forking a small program, whatever the parent's size; a network
# namespace entered without a program of its own (ip netns exec, nsenter); sysctls read and written without any
# exec; values that can never become syntax.
#
# Design: one loop over select(2). Frames come in on fd 0 and go out on fd 1, each a 32-bit big-endian length and
# a body; strings in a body are a 32-bit length and bytes (pack "N/a*").
#   request  id:u32 type:u8 netns:str, then
#     1 run    argc:u32 arg:str... envc:u32 (name:str value:str)... stdin:str
#     2 write  count:u32 (path:str value:str)...      paths below /proc/sys only
#     3 read   count:u32 path:str...                  paths below /proc/sys only
#     4 kill   (ends the request of that id with SIGKILL, its process group included)
#     5 offload  count:u32 (device:str "0"|"1":str)...  transmit checksum offload, as ethtool -K DEVICE tx off|on
#     6 offloads count:u32 device:str...                reads the same
#     7 frames   count:u32 (device:str hex:str)...      link-layer frames to send
#     8 ask      forMs:u32 times:u32 count:u32 (netns:str device:str hex:str patterns:str)...
#                frames to send, and what the beginning of an answer looks like: hex digits, dots, and | between patterns
#   answer   id:u32 kind:u8 value:u32 stdout:str stderr:str
#     kind 0 exited (value: code), 1 signalled (value: signal), 2 namespace not entered (value: errno),
#     3 not started (value: errno)
#   The stdout of write, offload and frames is, for each pair, a u32 errno; of read and offloads, for each name, a
#   u32 errno and a str; of ask, for each question, a u32 errno and the answer's hex.
# Each request has one child, in a process group of its own, that dies with this process (PR_SET_PDEATHSIG). The
# end of fd 0 ends this process and, so, every child. SIGINT and SIGTERM are left to the parent: it decides.
# An answer is sent when the child itself ends: what a grandchild may write later is not waited for. A pidfd
# (pidfd_open(2), Linux 5.3) is readable from then on. SIGCHLD is not used: perl runs a handler only between two of
# its own operations, so one that comes just before select(2) sleeps would wait for whatever wakes it next.
#
# Only perl-base is needed (Essential on Debian).
# Road not taken: a compiled helper (needs a compiler on the node), nsenter (an exec more for each call).
use strict;
use warnings;
use POSIX ();
use Fcntl qw(F_GETFL F_SETFL O_NONBLOCK O_RDONLY O_WRONLY);

use constant { RUN => 1, WRITE => 2, READ => 3, KILL => 4, OFFLOAD => 5, OFFLOADS => 6, FRAMES => 7, ASK => 8 };
# linux/sockios.h, linux/ethtool.h, bits/socket.h; the same on every architecture known here.
use constant { SIOCETHTOOL => 0x8946, SIOCGIFINDEX => 0x8933, GTXCSUM => 0x16, STXCSUM => 0x17 };
use constant { AF_INET => 2, AF_PACKET => 17, SOCK_DGRAM => 2, SOCK_RAW => 3, SOL_SOCKET => 1, SO_RCVBUFFORCE => 33 };
use constant { EXITED => 0, SIGNALLED => 1, NO_NETNS => 2, NOT_STARTED => 3 };
use constant { CLONE_NEWNET => 0x40000000, PR_SET_PDEATHSIG => 1, SIGKILL => 9, CHUNK => 65536 };

my $machine = (POSIX::uname())[4];
my %numbers = (x86_64 => [ 308, 157, 434 ], aarch64 => [ 268, 167, 434 ]);
my $syscalls = $numbers{$machine} or die "spawner: setns is not known on $machine\n";
my ($SETNS, $PRCTL, $PIDFD_OPEN) = @$syscalls;

$SIG{INT} = $SIG{TERM} = $SIG{HUP} = $SIG{PIPE} = 'IGNORE';
$SIG{CHLD} = 'DEFAULT';
binmode $_ for *STDIN, *STDOUT;
nonblocking(*STDIN);

my $self = $$;
my ($inbox, %by_id) = ('');
pidfd($self) or die "spawner: pidfd_open: $! (Linux 5.3 or newer is needed)\n";

while (1) {
  my ($readable, $writable) = ('', '');
  vec($readable, fileno(*STDIN), 1) = 1;
  for my $job (values %by_id) {
    vec($readable, fileno($job->{ended}), 1) = 1;
    for my $stream (qw(out err)) { vec($readable, fileno($job->{$stream}), 1) = 1 if $job->{$stream} }
    vec($writable, fileno($job->{in}), 1) = 1 if $job->{in};
  }
  my $ready = select($readable, $writable, undef, undef);
  next if $ready < 0;
  for my $job (my @jobs = values %by_id) {
    for my $stream (qw(out err)) {
      drain($job, $stream, 1) if $job->{$stream} && vec($readable, fileno($job->{$stream}), 1);
    }
    feed($job) if $job->{in} && vec($writable, fileno($job->{in}), 1);
    finish($job) if vec($readable, fileno($job->{ended}), 1);
  }
  receive() if vec($readable, fileno(*STDIN), 1);
}

# A handle that is readable once this process has ended.
sub pidfd {
  my ($pid) = @_;
  my $number = syscall $PIDFD_OPEN, $pid, 0;
  return if $number < 0;
  open my $handle, '<&=', $number or return;
  return $handle;
}

sub nonblocking {
  my ($handle) = @_;
  my $flags = fcntl($handle, F_GETFL, 0) or die "spawner: fcntl: $!\n";
  fcntl($handle, F_SETFL, $flags | O_NONBLOCK) or die "spawner: fcntl: $!\n";
}

# Takes what the parent sent and starts every whole request in it.
sub receive {
  my $got = sysread STDIN, $inbox, CHUNK * 16, length $inbox;
  return if !defined $got;
  exit 0 if $got == 0;
  my $at = 0;
  while (length($inbox) - $at >= 4) {
    my $length = unpack 'N', substr $inbox, $at, 4;
    last if length($inbox) - $at - 4 < $length;
    accept_request(substr $inbox, $at + 4, $length);
    $at += 4 + $length;
  }
  substr($inbox, 0, $at) = '' if $at;
}

sub accept_request {
  my ($id, $type, $netns, $rest) = unpack 'N C N/a* a*', $_[0];
  if ($type == KILL) {
    my $job = $by_id{$id} or return;
    kill -(SIGKILL), $job->{pid};
    kill SIGKILL, $job->{pid};
    return;
  }
  my ($argv, $env, $stdin) = $type == RUN ? parse_run($rest) : ([], [], '');
  my $fail = sub { answer($id, NOT_STARTED, $! + 0, '', "spawner: $_[0]: $!") };
  pipe(my $in_child, my $in) or return $fail->('pipe');
  pipe(my $out, my $out_child) or return $fail->('pipe');
  pipe(my $err, my $err_child) or return $fail->('pipe');
  # Closed by a successful exec, so that whatever arrives here is a failure before it: kind, errno.
  pipe(my $status, my $status_child) or return $fail->('pipe');
  my $pid = fork;
  return $fail->('fork') if !defined $pid;
  if ($pid == 0) {
    child($type, $netns, $type == RUN ? [ $argv, $env ] : $rest, $in_child, $out_child, $err_child, $status_child);
    POSIX::_exit(127);
  }
  my $ended = pidfd($pid);
  if (!$ended) {
    my $why = $! + 0;
    kill SIGKILL, $pid;
    waitpid $pid, 0;
    $! = $why;
    return $fail->('pidfd_open');
  }
  my $job = { id => $id, pid => $pid, ended => $ended, in => $in, out => $out, err => $err, status => $status,
    stdin => $stdin, stdout => '', stderr => '' };
  nonblocking($_) for $in, $out, $err, $status;
  $by_id{$id} = $job;
  $job->{in} = undef if !length $stdin;
}

# argv, environment pairs, stdin. Perl numbers the groups itself: the counts are part of the frame.
sub parse_run {
  my ($count, $rest) = unpack 'N a*', $_[0];
  my @argv = unpack "(N/a*)$count", $rest;
  my $used = 0; $used += 4 + length for @argv;
  my $pairs = unpack 'N', substr $rest, $used, 4;
  my @env = unpack '(N/a*)' . (2 * $pairs), substr $rest, $used + 4;
  my $skip = $used + 4; $skip += 4 + length for @env;
  return (\@argv, \@env, unpack 'N/a*', substr $rest, $skip);
}

# Never returns to the loop. `exec { } LIST` with an indirect object never asks a shell.
sub child {
  my ($type, $netns, $rest, $in, $out, $err, $status) = @_;
  $SIG{$_} = 'DEFAULT' for qw(INT TERM HUP PIPE CHLD);
  my $quit = sub { syswrite $status, pack 'C N', @_; POSIX::_exit(127) };
  setpgrp 0, 0;
  syscall $PRCTL, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0;
  POSIX::_exit(127) if getppid != $self;
  if (length $netns) {
    sysopen my $handle, $netns, O_RDONLY or $quit->(NO_NETNS, $! + 0);
    syscall($SETNS, fileno $handle, CLONE_NEWNET) == 0 or $quit->(NO_NETNS, $! + 0);
  }
  POSIX::dup2(fileno $in, 0);
  POSIX::dup2(fileno $out, 1);
  POSIX::dup2(fileno $err, 2);
  if ($type == RUN) {
    my ($argv, $env) = @$rest;
    for (my $i = 0; $i < @$env; $i += 2) { $ENV{ $env->[$i] } = $env->[ $i + 1 ] }
    no warnings 'exec';
    exec { $argv->[0] } @$argv;
    $quit->(NOT_STARTED, $! + 0);
  }
  my ($count, $list) = unpack 'N a*', $rest;
  my $reply = $type == ASK ? ask($rest) : '';
  my %sets = (WRITE, \&write_value, OFFLOAD, \&set_offload, FRAMES, \&send_frame);
  if (my $set = $sets{$type}) {
    my @pairs = unpack '(N/a*)' . (2 * $count), $list;
    for (my $i = 0; $i < @pairs; $i += 2) { $reply .= pack 'N', $set->($pairs[$i], $pairs[ $i + 1 ]) }
  } elsif ($type != ASK) {
    my $get = $type == READ ? \&read_value : \&get_offload;
    $reply .= $get->($_) for unpack "(N/a*)$count", $list;
  }
  while (length $reply) {
    my $sent = syswrite STDOUT, $reply;
    POSIX::_exit(126) if !defined $sent;
    substr($reply, 0, $sent) = '';
  }
  POSIX::_exit(0);
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
  my ($for_ms, $times, $count, $list) = unpack 'N N N a*', $_[0];
  my @fields = unpack '(N/a*)' . (4 * $count), $list;
  my (@asked, %ears);
  while (my ($netns, $device, $hex, $patterns) = splice @fields, 0, 4) {
    my $frame = pack 'H*', $hex;
    my $ethertype = unpack 'x12 n', $frame;
    my $ear = $ears{"$ethertype $device $netns"} ||= listen_on($netns, $device, $ethertype);
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
  my ($netns, $device, $ethertype) = @_;
  my $ear = { errno => 0, asked => [] };
  my $fail = sub { $ear->{errno} = $! + 0; return $ear };
  our $home;
  $home or sysopen $home, '/proc/self/ns/net', O_RDONLY or return $fail->();
  my $handle = $home;
  if (length $netns) { undef $handle; sysopen $handle, $netns, O_RDONLY or return $fail->() }
  syscall($SETNS, fileno $handle, CLONE_NEWNET) == 0 or return $fail->();
  # Protocol 0 hears nothing until it is bound to the device.
  socket my $socket, AF_PACKET, SOCK_RAW, 0 or return $fail->();
  setsockopt $socket, SOL_SOCKET, SO_RCVBUFFORCE, pack 'l', 1 << 20;
  $ear->{to} = link_address($socket, $device, $ethertype) or return $fail->();
  bind $socket, $ear->{to} or return $fail->();
  nonblocking($socket);
  $ear->{socket} = $socket;
  return $ear;
}

sub hear {
  my ($ear) = @_;
  while (defined sysread $ear->{socket}, my $frame, 2048) {
    my $hex = unpack 'H*', $frame;
    for my $each (@{ $ear->{asked} }) {
      next if substr($frame, 6, 6) eq substr($each->{frame}, 6, 6);
      $each->{heard} ||= $hex if $hex =~ $each->{like};
    }
  }
}

# Reads once, or until there is nothing more for now.
sub drain {
  my ($job, $stream, $once) = @_;
  my $handle = $job->{$stream} or return;
  while (1) {
    my $got = sysread $handle, $job->{"std$stream"}, CHUNK, length $job->{"std$stream"};
    if (defined $got && $got == 0) { $job->{$stream} = undef; return }
    return if !defined $got || $once;
  }
}

sub feed {
  my ($job) = @_;
  my $sent = syswrite $job->{in}, $job->{stdin}, CHUNK;
  if (defined $sent) { substr($job->{stdin}, 0, $sent) = '' }
  elsif (!$!{EAGAIN} && !$!{EINTR}) { $job->{stdin} = '' }
  $job->{in} = undef if !length $job->{stdin};
}

sub finish {
  my ($job) = @_;
  waitpid $job->{pid}, 0;
  my $wait = $?;
  delete $by_id{ $job->{id} };
  drain($job, $_, 0) for qw(out err);
  my ($kind, $value) = $wait & 127 ? (SIGNALLED, $wait & 127) : (EXITED, $wait >> 8);
  my $failed = sysread $job->{status}, my $status, 5;
  ($kind, $value) = unpack 'C N', $status if $failed && $failed == 5;
  answer($job->{id}, $kind, $value, $job->{stdout}, $job->{stderr});
}

# The parent always reads, so a blocking write here waits for nothing but its event loop.
sub answer {
  my ($id, $kind, $value, $out, $err) = @_;
  my $frame = pack 'N/a*', pack 'N C N N/a* N/a*', $id, $kind, $value, $out, $err;
  while (length $frame) {
    my $sent = syswrite STDOUT, $frame;
    if (!defined $sent) { next if $!{EINTR}; exit 0 }
    substr($frame, 0, $sent) = '';
  }
}
