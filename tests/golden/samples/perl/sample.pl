#!/usr/bin/perl
package Tally::Parser;

use strict;
use warnings;
use parent -norequire, 'Tally::Base';
use List::Util qw(max sum0);
use Time::Piece;
require Tally::Format;

use constant MAX_LINE => 8192;
use constant { OK => 200, NOT_FOUND => 404 };

our $VERSION = '0.07';
our @EXPORT_OK = qw(parse_line);
my %parsers = (common => \&parse_line);
my $is_error = sub { $_[0] >= 400 };

=head2 new

Makes a parser for a format of logs.

    my $parser = Tally::Parser->new(format => 'common');

=cut

sub new {
    my ($class, %options) = @_;
    my $self = bless { format => 'common', lines => 0, bad => 0, %options }, $class;
    $self->{parse} = $parsers{ $self->{format} } or die "no format is called $self->{format}\n";
    return $self;
}

# Takes a line apart; returns nothing where it does not fit.
sub parse_line {
    my ($line) = @_;
    return if length $line > MAX_LINE;
    my ($host, $stamp, $method, $path, $status, $bytes) =
        $line =~ m{^(\S+) \S+ \S+ \[([^\]]+)\] "(\S+) (\S+)[^"]*" (\d{3}) (\d+|-)} or return;
    return {
        host   => $host,
        time   => Time::Piece->strptime($stamp, '%d/%b/%Y:%H:%M:%S %z')->epoch,
        method => $method,
        path   => $path,
        status => $status,
        bytes  => $bytes eq '-' ? 0 : $bytes,
    };
}

=head2 read_file

Reads a whole file and counts what is in it.

Lines that cannot be read are counted too, but nothing else is done with them. What was found is returned as one
table: how many requests there were by path, status and hour, and how many bytes were sent.

=cut

sub read_file {
    my ($self, $path) = @_;
    open my $handle, '<', $path or die "cannot open $path: $!\n";
    my %count = (path => {}, status => {}, hour => {}, bytes => 0, errors => 0);
    my (%slowest, %first_seen, %last_seen);
    while (my $line = <$handle>) {
        chomp $line;
        $self->{lines}++;
        my $entry = $self->{parse}->($line);
        if (!$entry) {
            $self->{bad}++;
            $self->warn_about($line) if $self->{verbose};
            next;
        }
        my $hour = int($entry->{time} / 3600);
        (my $clean = $entry->{path}) =~ s/\?.*//;
        $clean =~ s{//+}{/}g;
        $count{path}{$clean}++;
        $count{status}{ $entry->{status} }++;
        $count{hour}{$hour}++;
        $count{bytes} += $entry->{bytes};
        $count{errors}++ if $is_error->($entry->{status});
        $first_seen{ $entry->{host} } //= $entry->{time};
        $last_seen{ $entry->{host} } = $entry->{time};
    }
    close $handle;
    for my $host (keys %first_seen) {
        my $stay = $last_seen{$host} - $first_seen{$host};
        $slowest{$host} = $stay if $stay > 0;
    }
    my @paths = sort { $count{path}{$b} <=> $count{path}{$a} || $a cmp $b } keys %{ $count{path} };
    splice @paths, 20 if @paths > 20;
    $count{top} = [ map { { path => $_, requests => $count{path}{$_} } } @paths ];
    $count{hosts} = scalar keys %first_seen;
    $count{longest_stay} = max(values %slowest) // 0;
    $count{requests} = sum0(values %{ $count{status} });
    return \%count;
}

sub warn_about {
    my ($self, $line) = @_;
    warn sprintf "line %d cannot be read: %.40s\n", $self->{lines}, $line;
}

package Tally::Report {
    my $width = 40;

    # Draws a bar for a share of the whole.
    sub bar { my ($part, $whole) = @_; return '#' x int($width * $part / ($whole || 1)) }
}

package main;

sub main::run {
    my @files = @_;
    my $parser = Tally::Parser->new(format => 'common');
    for my $file (@files) {
        my $count = $parser->read_file($file);
        print Tally::Format::table($count->{top});
        print Tally::Report::bar($count->{errors}, $count->{requests}), "\n";
    }
}

run(@ARGV) unless caller;

1;
