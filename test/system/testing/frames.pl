#!/usr/bin/perl
# Frames as no network stack sends them. UDP datagrams to port 9999, written byte by byte:
#
#   frames.pl send DEVICE FROM-MAC TO-MAC FROM-IP TO-IP WORD    sends one with this word in it
#   frames.pl hear DEVICE                                       prints the word of each that arrives, until it is ended
use strict;
my ($PACKET, $RAW, $PORT) = (17, 3, 9999);
my ($verb, $device, @more) = @ARGV;
open my $file, '<', "/sys/class/net/$device/ifindex" or die "$device: $!\n";
my $index = <$file> + 0;
socket my $socket, $PACKET, $RAW, 0x0008 or die "socket: $!\n";    # ETH_P_IP, in network order
bind $socket, pack 'S n i S C C a8', $PACKET, 0x0800, $index, 0, 0, 0, '' or die "bind: $!\n";

if ($verb eq 'send') {
  my ($from_mac, $to_mac, $from, $to, $word) = @more;
  my $mac = sub { pack 'H12', $_[0] =~ s/://gr };
  my $ip = sub { pack 'C4', split /\./, $_[0] };
  my $header = sub { pack 'C C n n n C C n a4 a4', 0x45, 0, 28 + length $word, 1, 0, 64, 17, $_[0], $ip->($from), $ip->($to) };
  my $sum = 0;
  $sum += $_ for unpack 'n*', $header->(0);
  $sum = ($sum & 0xffff) + ($sum >> 16) while $sum >> 16;
  my $packet = $header->(~$sum & 0xffff) . pack('n n n n', $PORT, $PORT, 8 + length $word, 0) . $word;
  syswrite $socket, $mac->($to_mac) . $mac->($from_mac) . pack('n', 0x0800) . $packet or die "send: $!\n";
} else {
  $| = 1;
  while (sysread $socket, my $frame, 2048) {
    next if length $frame < 42 || unpack('x23 C', $frame) != 17 || unpack('x36 n', $frame) != $PORT;
    print substr($frame, 42, unpack('x38 n', $frame) - 8), "\n";
  }
}
