#!/usr/bin/perl
# What a guest serves, with nothing but what Debian's perl-base has built in: by HTTP on port 80 what guest-main.js does
# (GET / its name and who asks, GET /bytes/N), on port 7000 a numbered line every 20 ms (TCP) and an echo (UDP), as the
# tests' ticker.mjs does. A process for each connection.
use strict;

my ($AF_INET, $STREAM, $DATAGRAM, $SOL_SOCKET, $SO_REUSEADDR) = (2, 1, 2, 1, 2);
chomp(my $name = `hostname`);
$SIG{CHLD} = 'IGNORE';

sub opened {
  my ($type, $port) = @_;
  socket my $socket, $AF_INET, $type, 0 or die "socket: $!";
  setsockopt $socket, $SOL_SOCKET, $SO_REUSEADDR, 1;
  bind $socket, pack 'S n x12', $AF_INET, $port or die "port $port: $!";
  return $socket;
}

sub serve {
  my ($port, $answer) = @_;
  return if fork;
  my $listener = opened($STREAM, $port);
  listen $listener, 64 or die "listen: $!";
  while (1) {
    my $from = accept my $client, $listener or next;
    if (fork) { close $client; next }
    my (undef, undef, @address) = unpack 'S n C4', $from;
    $answer->($client, join '.', @address);
    exit;
  }
}

sub http {
  my ($client, $from) = @_;
  my $request = '';
  while ($request !~ /\r?\n\r?\n/) { sysread $client, $request, 4096, length $request or return }
  my ($bytes) = $request =~ m{^GET /bytes/(\d+) };
  my $text = "$name greets $from\n";
  my $length = defined $bytes ? $bytes : length $text;
  syswrite $client, "HTTP/1.1 200 OK\r\nContent-Length: $length\r\nConnection: close\r\n\r\n";
  return syswrite $client, $text if !defined $bytes;
  my $block = 'plumbline ' x 6553;
  while ($bytes > 0) {
    my $sent = syswrite $client, $block, $bytes < length $block ? $bytes : length $block or return;
    $bytes -= $sent;
  }
}

sub tick {
  my ($client) = @_;
  setsockopt $client, 6, 1, 1;    # TCP_NODELAY
  for (my $line = 0; syswrite $client, "$line\n"; $line++) {
    select undef, undef, undef, 0.02;
    my $waiting = '';
    vec($waiting, fileno $client, 1) = 1;
    next if !select $waiting, undef, undef, 0;
    sysread $client, my $heard, 4096 or return;
  }
}

serve(80, \&http);
serve(7000, \&tick);
my $echo = opened($DATAGRAM, 7000);
while (1) {
  my $from = recv $echo, my $text, 65536, 0;
  send $echo, $text, 0, $from if defined $from;
}
