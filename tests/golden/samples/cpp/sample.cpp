// An interval tree: which of many ranges overlap a point or another range.
#include <algorithm>
#include <cstdint>
#include <memory>
#include <ostream>
#include <stdexcept>
#include <vector>

#include "tree_export.h"

#define TREE_ASSERT(condition) \
  do { if (!(condition)) throw std::logic_error(#condition); } while (false)

namespace ranges::tree {

constexpr std::size_t kMaxDepth = 64;
static int trees_alive = 0;

/// A type that can be ordered.
template <typename T>
concept Ordered = requires(const T& a, const T& b) { a < b; };

/// Half-open range of keys.
template <Ordered Key>
struct Interval {
  Key low;
  Key high;  // not included

  [[nodiscard]] bool contains(const Key& key) const { return !(key < low) && key < high; }
  bool overlaps(const Interval& other) const noexcept { return low < other.high && other.low < high; }
};

enum class Side : std::uint8_t { Left, Right };

union Scratch {
  std::uint64_t bits;
  double number;
};

using Point = double;
template <typename V>
using Found = std::vector<const V*>;

/// Raised where an interval ends before it begins.
class TREE_EXPORT BadInterval : public std::invalid_argument {
 public:
  using std::invalid_argument::invalid_argument;
};

/**
 * Maps intervals to values. Insertion keeps the tree balanced by random priorities.
 */
template <Ordered Key, typename Value>
class IntervalTree final {
 public:
  struct Node {
    Interval<Key> interval;
    Value value;
    Key greatest;
    std::uint32_t priority;
    std::unique_ptr<Node> left, right;
  };

  static constexpr int kFanOut = 2;

  IntervalTree() { ++trees_alive; }
  explicit IntervalTree(std::uint32_t seed) : seed_{seed} { ++trees_alive; }
  IntervalTree(const IntervalTree&) = delete;
  ~IntervalTree();

  IntervalTree& operator=(const IntervalTree&) = delete;
  bool operator()(const Key& key) const { return !find(key).empty(); }
  explicit operator bool() const { return root_ != nullptr; }

  /// Adds an interval; equal ones are kept side by side.
  void insert(Interval<Key> interval, Value value);
  Found<Value> find(const Key& key) const;
  std::size_t size() const { return size_; }
  const Node* root() const { return root_.get(); }

  template <typename Visitor>
  void visit(Visitor&& visitor) const {
    walk(root_.get(), visitor);
  }

  friend std::ostream& operator<<(std::ostream& out, const IntervalTree& tree) {
    return out << "tree of " << tree.size();
  }

 private:
  std::unique_ptr<Node> root_;
  std::size_t size_ = 0;
  std::uint32_t seed_{2463534242U};

  std::uint32_t draw();
  template <typename Visitor>
  static void walk(const Node* node, Visitor& visitor);
};

template <Ordered Key, typename Value>
IntervalTree<Key, Value>::~IntervalTree() {
  --trees_alive;
}

// Marsaglia's xorshift with 32 bits.
template <Ordered Key, typename Value>
std::uint32_t IntervalTree<Key, Value>::draw() {
  seed_ ^= seed_ << 13;
  seed_ ^= seed_ >> 17;
  return seed_ ^= seed_ << 5;
}

template <Ordered Key, typename Value>
void IntervalTree<Key, Value>::insert(Interval<Key> interval, Value value) {
  if (interval.high < interval.low) throw BadInterval("interval ends before it begins");
  auto fresh = std::make_unique<Node>(Node{interval, std::move(value), interval.high, draw(), nullptr, nullptr});
  std::vector<std::unique_ptr<Node>*> path;
  auto* place = &root_;
  while (*place != nullptr && (*place)->priority >= fresh->priority) {
    TREE_ASSERT(path.size() < kMaxDepth * kFanOut);
    path.push_back(place);
    place = interval.low < (*place)->interval.low ? &(*place)->left : &(*place)->right;
  }
  // Split what hangs here into what lies before and after the new node.
  std::unique_ptr<Node> rest = std::move(*place);
  auto* before = &fresh->left;
  auto* after = &fresh->right;
  std::vector<Node*> touched;
  while (rest != nullptr) {
    touched.push_back(rest.get());
    if (rest->interval.low < interval.low) {
      *before = std::move(rest);
      before = &touched.back()->right;
      rest = std::move(*before);
    } else {
      *after = std::move(rest);
      after = &touched.back()->left;
      rest = std::move(*after);
    }
  }
  auto renew = [](Node& node) {
    node.greatest = node.interval.high;
    for (const auto* child : {node.left.get(), node.right.get()}) {
      if (child != nullptr) node.greatest = std::max(node.greatest, child->greatest);
    }
  };
  std::for_each(touched.rbegin(), touched.rend(), [&](Node* node) { renew(*node); });
  renew(*fresh);
  *place = std::move(fresh);
  for (auto step = path.rbegin(); step != path.rend(); ++step) renew(***step);
  ++size_;
}

template <Ordered Key, typename Value>
Found<Value> IntervalTree<Key, Value>::find(const Key& key) const {
  Found<Value> found;
  std::vector<const Node*> open{root_.get()};
  while (!open.empty()) {
    const Node* node = open.back();
    open.pop_back();
    if (node == nullptr || node->greatest < key) continue;
    if (node->interval.contains(key)) found.push_back(&node->value);
    open.push_back(node->left.get());
    open.push_back(node->right.get());
  }
  return found;
}

template <Ordered Key, typename Value>
template <typename Visitor>
void IntervalTree<Key, Value>::walk(const Node* node, Visitor& visitor) {
  if (node == nullptr) return;
  walk(node->left.get(), visitor);
  visitor(*node);
  walk(node->right.get(), visitor);
}

bool operator==(const Interval<Point>& a, const Interval<Point>& b) {
  return a.low == b.low && a.high == b.high;
}

}  // namespace ranges::tree

namespace tree = ranges::tree;

extern "C" int tree_count(void) {
  return ranges::tree::trees_alive;
}
