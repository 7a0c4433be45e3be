#!/usr/bin/perl
# Starts processes for a parent whose own fork would be slow, and puts questions to the kernel for it.
#
# Goals: a process started at the price of forking a small program, whatever the parent's size; a network namespace
# entered without a program of its own (ip netns exec, nsenter); values that can never become syntax.
#
# Design: one loop over select(2). This file receives requests, starts one child for each, and sends one answer. What a
# child then does is one of three things: it becomes a command (run, follow, below), it starts one that outlives this process
# (detach), or it answers a question to the kernel (kernel.pl, which says what there is to ask and how). Requests come in on fd 0 and answers go out on fd 1, each a
# 32-bit big-endian length and a body; a string in a body is a 32-bit length and bytes (pack "N/a*").
#   request  id:u32 type:u8 netns:str, then
#     1 run    argc:u32 arg:str... envc:u32 (name:str value:str)... stdin:str
#     9 detach as run, with the path of a file to log to in the place of stdin. The command is started in a session of
#              its own, with this environment and no other, in the folder /, its output in that file (emptied first)
#    10 follow as run, but what the command prints is passed on as it comes: answers of kind 4, before the last one.
#              So is the answer to a question that goes on (kernel.pl)
#     4 kill   nothing: the request of that id is ended with SIGKILL, its process group included; it has no answer
#     others   the body of a question: kernel.pl
#   answer   id:u32 kind:u8 value:u32 stdout:str stderr:str
#     kind 0 exited (value: code), 1 signalled (value: signal), 2 namespace not entered (value: errno),
#     3 not started (value: errno; EINVAL for a type that nobody knows), 4 not ended yet (value: 0; more of stdout)
#     For a question stdout is its answer, in kernel.pl's form. For detach it is the pid, in digits, once the command
#     has been started; what it then does is nobody's here.
# Each child has a process group of its own and dies with this process (PR_SET_PDEATHSIG). The end of fd 0 ends this
# process and, so, every child. SIGINT and SIGTERM are left to the parent: it decides.
# An answer is sent when the child itself ends: what a grandchild may write later is not waited for. A pidfd
# (pidfd_open(2), Linux 5.3) is readable from then on. SIGCHLD is not used: perl runs a handler only between two of
# its own operations, so one that comes just before select(2) sleeps would wait for whatever wakes it next.
# Where this cannot work (an unknown architecture, an old kernel) it says why on stderr and exits with code 69
# (EX_UNAVAILABLE of sysexits.h) before it takes a request: the parent reports that sentence.
#
# Only perl-base is needed (Essential on Debian).
# Roads not taken: a compiled helper (needs a compiler on the node); nsenter (one exec more for each call); a process of
# its own for the questions to the kernel. Two perls would cost an agent as much memory again as this one has, and a
# question needs the same child in the same namespace as a command does, so there would be two loops like this one.
use strict;
use warnings;
use POSIX ();
use Fcntl qw(F_GETFL F_SETFL O_APPEND O_CREAT O_NONBLOCK O_RDONLY O_TRUNC O_WRONLY);

use constant { RUN => 1, KILL => 4, DETACH => 9, FOLLOW => 10 };
use constant { EXITED => 0, SIGNALLED => 1, NO_NETNS => 2, NOT_STARTED => 3, MORE => 4 };
use constant { CLONE_NEWNET => 0x40000000, PR_SET_PDEATHSIG => 1, SIGKILL => 9, CHUNK => 65536 };

# perl knows no name for these system calls. A number that is wrong is another call, so there is no guessing.
# To add an architecture: __NR_setns, __NR_prctl, __NR_pidfd_open and __NR_getsockopt of its asm/unistd.h, and run the specs there.
my %numbers = (x86_64 => [ 308, 157, 434, 55 ], aarch64 => [ 268, 167, 434, 209 ]);
my $machine = (POSIX::uname())[4];
my $known = join ' and ', sort keys %numbers;
my $syscalls = $numbers{$machine} or cannot_work("the numbers of the system calls setns, prctl, pidfd_open and getsockopt"
  . " are not known for the architecture $machine, only for $known");
my ($SETNS, $PRCTL, $PIDFD_OPEN) = @$syscalls;
our $GETSOCKOPT = $syscalls->[3]; # for kernel.pl

require(__FILE__ =~ s{[^/]*\z}{kernel.pl}r);

$SIG{INT} = $SIG{TERM} = $SIG{HUP} = $SIG{PIPE} = 'IGNORE';
$SIG{CHLD} = 'DEFAULT';
binmode $_ for *STDIN, *STDOUT;
nonblocking(*STDIN);

my $self = $$;
my ($inbox, %by_id) = ('');
pidfd($self) or cannot_work("pidfd_open: $! (Linux 5.3 or newer is needed)");

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

sub cannot_work {
  print STDERR "$_[0]\n";
  exit 69;
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
  my $fail = sub { answer($id, NOT_STARTED, $! + 0, '', "spawner: $_[0]: $!") };
  my $command = $type == RUN || $type == DETACH || $type == FOLLOW;
  if (!$command && !Kernel::knows($type)) {
    $! = POSIX::EINVAL();
    return $fail->("request type $type");
  }
  my ($argv, $env, $last) = $command ? parse_run($rest) : ([], [], '');
  my $stdin = $type == DETACH ? '' : $command ? $last : '';
  pipe(my $in_child, my $in) or return $fail->('pipe');
  pipe(my $out, my $out_child) or return $fail->('pipe');
  pipe(my $err, my $err_child) or return $fail->('pipe');
  # Closed by a successful exec, so that whatever arrives here is a failure before it: kind, errno.
  pipe(my $status, my $status_child) or return $fail->('pipe');
  my $pid = fork;
  return $fail->('fork') if !defined $pid;
  if ($pid == 0) {
    child($type, $netns, $command ? [ $argv, $env, $last ] : $rest, $in_child, $out_child, $err_child, $status_child);
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
    stdin => $stdin, stdout => '', stderr => '', follow => $type == FOLLOW || Kernel::goes_on($type) };
  nonblocking($_) for $in, $out, $err, $status;
  $by_id{$id} = $job;
  $job->{in} = undef if !length $stdin;
}

# argv, environment pairs, stdin or log file. Perl numbers the groups itself: the counts are part of the frame.
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
  if (length $netns) { my $errno = enter($netns); $quit->(NO_NETNS, $errno) if $errno }
  POSIX::dup2(fileno $in, 0);
  POSIX::dup2(fileno $out, 1);
  POSIX::dup2(fileno $err, 2);
  if ($type == RUN || $type == FOLLOW) {
    my ($argv, $env) = @$rest;
    for (my $i = 0; $i < @$env; $i += 2) { $ENV{ $env->[$i] } = $env->[ $i + 1 ] }
    no warnings 'exec';
    exec { $argv->[0] } @$argv;
    $quit->(NOT_STARTED, $! + 0);
  }
  my $reply = $type == DETACH ? detach(@$rest, $quit) : Kernel::reply($type, $rest, \&enter);
  while (length $reply) {
    my $sent = syswrite STDOUT, $reply;
    POSIX::_exit(126) if !defined $sent;
    substr($reply, 0, $sent) = '';
  }
  POSIX::_exit(0);
}

# Starts a command that belongs to nobody here: not to this process group, nor to what dies with this process
# (prctl(2): a child of fork(2) does not inherit PR_SET_PDEATHSIG). Its pid.
sub detach {
  my ($argv, $env, $log, $quit) = @_;
  # Closed by a successful exec, so that whatever arrives here is the errno of a failure before it.
  pipe(my $failed, my $failing) or $quit->(NOT_STARTED, $! + 0);
  my $pid = fork;
  $quit->(NOT_STARTED, $! + 0) if !defined $pid;
  if ($pid == 0) {
    my $give_up = sub { syswrite $failing, pack 'N', $! + 0; POSIX::_exit(127) };
    POSIX::setsid();
    chdir '/';
    sysopen my $in, '/dev/null', O_RDONLY or $give_up->();
    sysopen my $out, $log, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600 or $give_up->();
    POSIX::dup2(fileno $in, 0);
    POSIX::dup2(fileno $out, $_) for 1, 2;
    %ENV = @$env;
    no warnings 'exec';
    exec { $argv->[0] } @$argv;
    $give_up->();
  }
  close $failing;
  my $got = sysread $failed, my $errno, 4;
  $quit->(NOT_STARTED, unpack 'N', $errno) if $got;
  return $pid;
}

# Enters the network namespace of this path; the errno, 0 when it is entered.
sub enter {
  my ($path) = @_;
  sysopen my $handle, $path, O_RDONLY or return $! + 0;
  return syscall($SETNS, fileno $handle, CLONE_NEWNET) == 0 ? 0 : $! + 0;
}

# Reads once, or until there is nothing more for now.
sub drain {
  my ($job, $stream, $once) = @_;
  my $handle = $job->{$stream} or return;
  while (1) {
    my $got = sysread $handle, $job->{"std$stream"}, CHUNK, length $job->{"std$stream"};
    if (defined $got && $got == 0) { $job->{$stream} = undef; return }
    if ($got && $job->{follow} && $stream eq 'out') {
      answer($job->{id}, MORE, 0, $job->{stdout}, '');
      $job->{stdout} = '';
    }
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

# What is large is not copied: Perl keeps the memory of a variable, and of the result of an operation, for the next time.
sub answer {
  my ($id, $kind, $value) = @_;
  my ($out, $err) = (length $_[3], length $_[4]);
  my $head = pack 'N N C N N', 17 + $out + $err, $id, $kind, $value, $out;
  my $tail = pack 'N a*', $err, $_[4];
  return put($head . $_[3] . $tail) if $out <= CHUNK;
  put($_) for $head, $_[3], $tail;
}

# The parent always reads, so a blocking write here waits for nothing but its event loop.
sub put {
  for (my $at = 0; $at < length $_[0];) {
    my $sent = syswrite STDOUT, $_[0], length($_[0]) - $at, $at;
    if (!defined $sent) { next if $!{EINTR}; exit 0 }
    $at += $sent;
  }
}
