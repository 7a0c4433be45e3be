#!/usr/bin/perl
# Sends to an address and says whether anybody answers. Each packet bears a DSCP value, by which whoever gets it counts it.
#
#   ask.pl tcp|udp|icmp ADDRESS PORT DSCP SECONDS    prints "answered" or "silent"; a refusal is an answer
#   ask.pl echo PORT                                 sends back each UDP datagram, of both families, until it is ended
use strict;
use Errno qw(EINPROGRESS ECONNREFUSED);
use Socket qw(:DEFAULT :addrinfo IPPROTO_IPV6);
my ($IP_TOS, $IPV6_TCLASS) = (1, 67);
my ($verb, @more) = @ARGV;

sub echo {
  my ($port) = @_;
  socket my $socket, AF_INET6, SOCK_DGRAM, 0 or die "socket: $!\n";
  bind $socket, pack_sockaddr_in6($port, Socket::inet_pton(AF_INET6, '::')) or die "bind: $!\n";
  while (1) {
    my $from = recv $socket, my $text, 2048, 0;
    send $socket, $text, 0, $from if defined $from;
  }
}

sub wait_for {
  my ($socket, $until, $writes) = @_;
  vec(my $bits = '', fileno $socket, 1) = 1;
  my $left = $until - time;
  return 0 if $left <= 0;
  return select $writes ? undef : $bits, $writes ? $bits : undef, undef, $left;
}

sub answered {
  my ($protocol, $address, $port, $dscp, $seconds) = @_;
  my $six = $address =~ /:/;
  if ($protocol eq 'icmp') {
    my $tos = $dscp << 2;
    my $text = qx{ping -n -c 3 -i 0.3 -W 2 -w $seconds -Q $tos $address 2>&1};
    return $text =~ /[1-9]\d* received/;
  }
  my ($error, $to) = getaddrinfo($address, $port, { socktype => $protocol eq 'tcp' ? SOCK_STREAM : SOCK_DGRAM, flags => AI_NUMERICHOST });
  die "$error\n" if $error;
  socket my $socket, $to->{family}, $to->{socktype}, $to->{protocol} or die "socket: $!\n";
  setsockopt $socket, $six ? IPPROTO_IPV6 : 0, $six ? $IPV6_TCLASS : $IP_TOS, pack 'i', $dscp << 2 or die "dscp: $!\n";
  my $until = time + $seconds;
  if ($protocol eq 'tcp') {
    IO::Handle::blocking($socket, 0);
    return 1 if connect $socket, $to->{addr};
    return $! == ECONNREFUSED if $! != EINPROGRESS;
    return 0 unless wait_for($socket, $until, 1);
    my $failed = unpack 'i', getsockopt $socket, SOL_SOCKET, SO_ERROR;
    return $failed == 0 || $failed == ECONNREFUSED;
  }
  connect $socket, $to->{addr} or return 0;
  for (my $turn = 0; time < $until; $turn += 1) {
    send $socket, "turn $turn", 0;
    next unless wait_for($socket, time + 1, 0);
    return 1 if defined recv $socket, my $text, 2048, 0;
    return 1 if $! == ECONNREFUSED;
  }
  return 0;
}

require IO::Handle;
if ($verb eq 'echo') { echo(@more) }
else { print answered($verb, @more) ? "answered\n" : "silent\n" }
