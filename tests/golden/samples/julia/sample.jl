"""
Shortest ways through weighted graphs.
"""
module Waymark

using Printf, Base.Iterators
using DataStructures: PriorityQueue, enqueue!
import Base: show, length
import LinearAlgebra.norm

include("formats.jl")

export Graph, Way, connect!, shortest, @timed_way

const Weight = Float64
const UNREACHED = typemax(Weight)
default_capacity = 16

"A point that ways lead through."
struct Node{T<:Real}
    "Name for people."
    name::String
    x::T
    y::T
end

abstract type AbstractGraph{T} end

@enum Heuristic none straight taxicab

"""
    Graph{T}()

Nodes and the edges between them.

Edges have a direction.
"""
mutable struct Graph{T} <: AbstractGraph{T}
    nodes::Vector{Node{T}}
    edges::Dict{Int,Vector{Tuple{Int,Weight}}}
    frozen::Bool

    Graph{T}() where {T} = new{T}(Node{T}[], Dict(), false)
end

# Where a way goes, and how long it is.
Base.@kwdef struct Way
    stops::Vector{Int} = Int[]
    total::Weight = UNREACHED
end

length(way::Way) = length(way.stops)
Base.isempty(way::Way)::Bool = isempty(way.stops)

function Base.show(io::IO, way::Way)
    @printf(io, "%d stops, %.2f", length(way), way.total)
end

Base.:+(a::Way, b::Way) = Way(vcat(a.stops, b.stops[2:end]), a.total + b.total)

"""
    connect!(graph, from, to, weight; both=false)

Put an edge between two nodes.
"""
function connect!(graph::Graph, from::Int, to::Int, weight::Real; both::Bool = false)
    weight < 0 && throw(ArgumentError("an edge cannot be shorter than nothing"))
    push!(get!(() -> Tuple{Int,Weight}[], graph.edges, from), (to, weight))
    both && connect!(graph, to, from, weight)
    return graph
end

estimate(::Val{none}, a::Node, b::Node) = 0.0
estimate(::Val{straight}, a::Node, b::Node) = norm((a.x - b.x, a.y - b.y))
estimate(::Val{taxicab}, a::Node, b::Node) = abs(a.x - b.x) + abs(a.y - b.y)

neighbours(graph::Graph, node) = get(graph.edges, node, Tuple{Int,Weight}[])

"""
Find the shortest way between two nodes.

Returns an empty way where the second cannot be reached from the first.
"""
function shortest(graph::Graph{T}, from::Int, to::Int; heuristic::Heuristic = none)::Way where {T}
    goal = graph.nodes[to]
    guess(node) = estimate(Val(heuristic), graph.nodes[node], goal)
    best = Dict(from => 0.0)
    previous = Dict{Int,Int}()
    queue = PriorityQueue{Int,Weight}()
    enqueue!(queue, from, guess(from))
    while !isempty(queue)
        node = dequeue!(queue)
        node == to && break
        for (next, weight) in neighbours(graph, node)
            total = best[node] + weight
            if total < get(best, next, UNREACHED)
                best[next] = total
                previous[next] = node
                queue[next] = total + guess(next)
            end
        end
    end
    haskey(best, to) || return Way()
    stops = [to]
    while first(stops) != from
        pushfirst!(stops, previous[first(stops)])
    end
    return Way(stops, best[to])
end

"Say how long the search for a way took."
macro timed_way(search)
    quote
        local started = time()
        local way = $(esc(search))
        @info "found" way elapsed = time() - started
        way
    end
end

module Text
    join_names(names) = join(names, " → ")
    describe = way -> string(way.total)
end

end
