// The row kernels on vectors: a panel of a row's features stays in registers while the row's edges are added.
// Included once a target, inside the target's namespace (vector.cc).

namespace hn = hwy::HWY_NAMESPACE;

/// Features in memory as float32.
struct OfFloat {
  using T = float;
  template <class D>
  static HWY_INLINE hn::Vec<D> load(D d, const T* p) {
    return hn::LoadU(d, p);
  }
  template <class D>
  static HWY_INLINE void store(D d, hn::Vec<D> v, T* p, bool past_caches) {
    if (past_caches)
      hn::Stream(v, d, p);
    else
      hn::StoreU(v, d, p);
  }
};

constexpr bool has_masks = HWY_TARGET <= HWY_AVX2;  // targets are numbered from the widest down

/// The first `count` lanes of a vector, as float32: rows narrower than it. Needs masked loads and stores.
struct OfFirst {
  using T = float;
  std::size_t count;
  template <class D>
  HWY_INLINE hn::Vec<D> load(D d, const T* p) const {
    return hn::MaskedLoad(hn::FirstN(d, count), d, p);
  }
  template <class D>
  HWY_INLINE void store(D d, hn::Vec<D> v, T* p, bool) const {
    hn::BlendedStore(v, hn::FirstN(d, count), d, p);
  }
};

/// As bfloat16.
struct OfBfloat16 {
  using T = std::uint16_t;
  template <class D>
  static HWY_INLINE hn::Vec<D> load(D, const T* p) {
    const hn::Rebind<std::uint16_t, D> halves;
    const hn::RebindToUnsigned<D> bits;
    return hn::BitCast(D(), hn::ShiftLeft<16>(hn::PromoteTo(bits, hn::LoadU(halves, p))));
  }
  template <class D>
  static HWY_INLINE void store(D d, hn::Vec<D> v, T* p, bool) {
    // to_bfloat16, lane by lane
    const hn::RebindToUnsigned<D> bits;
    const hn::Rebind<std::uint16_t, D> halves;
    const auto b = hn::BitCast(bits, v);
    const auto odd = hn::And(hn::ShiftRight<16>(b), hn::Set(bits, 1));
    const auto rounded = hn::ShiftRight<16>(hn::Add(hn::Add(b, hn::Set(bits, 0x7fff)), odd));
    const auto nan = hn::ShiftRight<16>(hn::Or(b, hn::Set(bits, 64u << 16)));
    const auto is_nan = hn::RebindMask(bits, hn::Ne(v, v));
    // values below 2^16: the demotion that saturates signed numbers to unsigned ones is exact
    const hn::RebindToSigned<D> whole;
    hn::StoreU(hn::DemoteTo(halves, hn::BitCast(whole, hn::IfThenElse(is_nan, nan, rounded))), halves, p);
  }
};

/// How float32 of the same lanes is read and written beside such features.
inline OfFloat floats_beside(OfFloat) { return {}; }
inline OfFloat floats_beside(OfBfloat16) { return {}; }
inline OfFirst floats_beside(OfFirst of) { return of; }

// What an edge is multiplied with. `e` counts in the layout.

struct Ones {
  static constexpr bool weighted = false;
  float at(std::int64_t, std::int64_t) const { return 1; }
};
struct OwnWeight {
  static constexpr bool weighted = true;
  const float* weight;
  HWY_INLINE float at(std::int64_t e, std::int64_t) const { return weight[e]; }
};
struct ColumnWeight {
  static constexpr bool weighted = true;
  const float* column;
  HWY_INLINE float at(std::int64_t, std::int64_t c) const { return column[c]; }
};
struct GivenWeight {  // all there is
  static constexpr bool weighted = true;
  const float *layout, *edge, *column;
  const std::int64_t* source;
  int heads, head;
  HWY_INLINE float at(std::int64_t e, std::int64_t c) const {
    float w = 1;
    if (layout) w = layout[e];
    if (edge) w *= edge[(source ? source[e] : e) * heads + head];
    if (column) w *= column[c];
    return w;
  }
};

/// An edge's weights for the vectors of a panel: vector i belongs to head of[i].
struct WeightByVector {
  const float* weight;
  const int* of;
};

/// A weight a head, for panels of several heads at once.
struct HeadWeights {
  static constexpr bool weighted = true;
  const float* edge;
  const std::int64_t* source;
  int heads;
  int of[8];
  HWY_INLINE WeightByVector at(std::int64_t e, std::int64_t) const {
    return {edge + (source ? source[e] : e) * heads, of};
  }
};

// Where an edge comes from.

struct Columns {
  const std::int32_t* column;
  HWY_INLINE std::int64_t at(std::int64_t e) const { return column[e]; }
};
struct LocalColumns {
  const std::uint8_t* local;
  const std::int32_t* member;  // rows of the block, or null: `first` onwards
  std::int64_t first;
  HWY_INLINE std::int64_t at(std::int64_t e) const { return member ? member[local[e]] : first + local[e]; }
};

/// A panel of NV vectors of one row's features.
template <class D, int NV>
struct Panel {
  using V = hn::Vec<D>;
  V v[NV];

  HWY_INLINE void clear(D d) {
    for (int i = 0; i < NV; ++i) v[i] = hn::Zero(d);
  }
  template <bool weighted, class Of>
  HWY_INLINE void add(D d, const Of& of, const typename Of::T* x, float w) {
    const std::size_t n = hn::Lanes(d);
    if constexpr (weighted) {
      const V weight = hn::Set(d, w);
      for (int i = 0; i < NV; ++i) v[i] = hn::MulAdd(weight, of.load(d, x + i * n), v[i]);
    } else {
      for (int i = 0; i < NV; ++i) v[i] = hn::Add(v[i], of.load(d, x + i * n));
    }
  }
  template <bool, class Of>
  HWY_INLINE void add(D d, const Of& of, const typename Of::T* x, WeightByVector w) {
    const std::size_t n = hn::Lanes(d);
    for (int i = 0; i < NV; ++i) v[i] = hn::MulAdd(hn::Set(d, w.weight[w.of[i]]), of.load(d, x + i * n), v[i]);
  }
  HWY_INLINE void add(const Panel& other) {
    for (int i = 0; i < NV; ++i) v[i] = hn::Add(v[i], other.v[i]);
  }
};

/// Asks for the features of edge `e`, a panel of them.
template <class Of, class D, int NV, class Where>
HWY_INLINE void fetch(D d, const typename Of::T* x, std::int64_t stride, const Where& where, std::int64_t e) {
  const auto* line = reinterpret_cast<const char*>(x + where.at(e) * stride);
  const std::size_t bytes = NV * sizeof(typename Of::T) * hn::Lanes(d);
  for (std::size_t b = 0; b < bytes; b += 64) hwy::Prefetch(line + b);
}

/// panel += sum over the edges [first, last) of weight · x[column]. `end`: edges may be looked at up to here.
template <class Of, class D, int NV, class Where, class Weight>
HWY_INLINE void add_edges(D d, const Of& of, const typename Of::T* x, std::int64_t stride, const Where& where,
                          const Weight& weight, std::int64_t first, std::int64_t last, std::int64_t end, int ahead,
                          Panel<D, NV>& panel) {
  for (std::int64_t e = first; e < last; ++e) {
    if (ahead > 0 && e + ahead < end) fetch<Of, D, NV>(d, x, stride, where, e + ahead);
    const std::int64_t c = where.at(e);
    panel.template add<Weight::weighted>(d, of, x + c * stride, weight.at(e, c));
  }
}

/// Edges from which on sum_of_many() pays: narrow panels wait for their additions.
template <int NV>
constexpr std::int64_t many_edges = NV <= 2 ? 16 : longest_sum;

/// The sum over the edges [first, last): in steps of `longest_sum`, and, where the panel is narrow, several edges at a
/// time. A call of its own, which returns the sum, so that the registers of short rows' loops are theirs.
template <class Of, class D, int NV, class Where, class Weight>
HWY_NOINLINE Panel<D, NV> sum_of_many(D d, const Of& of, const typename Of::T* x, std::int64_t stride,
                                      const Where& where, const Weight& weight, std::int64_t first, std::int64_t last,
                                      std::int64_t end, int ahead) {
  Panel<D, NV> total;
  total.clear(d);
  while (first < last) {
    const std::int64_t stop = std::min(last, first + longest_sum);
    Panel<D, NV> sum;
    sum.clear(d);
    if constexpr (NV <= 2) {
      // by name: g++ leaves arrays of panels in memory
      Panel<D, NV> second, third, fourth;
      second.clear(d), third.clear(d), fourth.clear(d);
      const auto add = [&](Panel<D, NV>& to, std::int64_t e) HWY_ATTR {
        const std::int64_t c = where.at(e);
        to.template add<Weight::weighted>(d, of, x + c * stride, weight.at(e, c));
      };
      for (; first + 4 <= stop; first += 4) {
        if (ahead > 0 && first + 3 + ahead < end)
          for (int k = 0; k < 4; ++k) fetch<Of, D, NV>(d, x, stride, where, first + k + ahead);
        add(sum, first), add(second, first + 1), add(third, first + 2), add(fourth, first + 3);
      }
      sum.add(second), third.add(fourth), sum.add(third);
    }
    add_edges(d, of, x, stride, where, weight, first, stop, end, ahead, sum);
    total.add(sum);
    first = stop;
  }
  return total;
}

/// The part of the width that one call works on: vectors of one head, from feature `f` on.
struct Slice {
  std::int64_t f;
  int head;
};

/// Calls use(d, std::integral_constant<int, NV>(), slice) for panels that cover the features of every head. The last
/// one begins early where it would end past the head: what two panels cover both compute alike.
template <int most, class D, class Use>
HWY_INLINE void panels_of(D d, std::int64_t part, int heads, const Use& use) {
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  for (int head = 0; head < heads; ++head) {
    const std::int64_t base = head * part;
    for (std::int64_t f = 0; f < part;) {
      const std::int64_t rest = (part - f + lanes - 1) / lanes;
      const auto panel = [&](auto count) HWY_ATTR {
        const std::int64_t vectors = count.value;
        // a panel that would end past the head begins earlier; one vector always fits
        const std::int64_t begin = std::min(f, part - vectors * lanes);
        use(d, count, Slice{base + begin, head});
        f = begin + vectors * lanes;
      };
      // no two panels overlap where vectors divide the width: rows that are added to may be worked on once only
      if constexpr (most > 1) {
        if (rest >= 8 && part >= 8 * lanes) {
          panel(std::integral_constant<int, 8>());
          continue;
        }
        if (rest >= 4 && part >= 4 * lanes) {
          panel(std::integral_constant<int, 4>());
          continue;
        }
        if (rest >= 2 && part >= 2 * lanes) {
          panel(std::integral_constant<int, 2>());
          continue;
        }
      }
      panel(std::integral_constant<int, 1>());
    }
  }
}

template <class Use>
HWY_INLINE void each_panel(std::int64_t width, int heads, const Use& use) {
  const std::int64_t part = width / heads;
  const hn::ScalableTag<float> widest;
  if (part >= static_cast<std::int64_t>(hn::Lanes(widest)))
    panels_of<8>(widest, part, heads, use);
  else if (part >= 8)
    panels_of<1>(hn::CappedTag<float, 8>(), part, heads, use);
  else if (part >= 4)
    panels_of<1>(hn::CappedTag<float, 4>(), part, heads, use);
  else
    panels_of<1>(hn::CappedTag<float, 1>(), part, heads, use);
}

/// Mean and epilogue of the features from `f` on. A copy of the job's, as stores could change what lies behind a job
/// for all the compiler knows.
struct Ending {
  const std::int64_t* degree_begin;  // mean only
  const float *row_scale, *bias;
  float self;
  const float* own;  // float32, or
  const std::uint16_t* own_halves;
  std::int64_t own_stride;
  bool relu;

  Ending(const Job& job, std::int64_t f)
      : degree_begin(job.reduce == Reduce::mean ? job.layout.degree_begin : nullptr),
        row_scale(job.epilogue.row_scale),
        bias(job.epilogue.bias ? job.epilogue.bias + f : nullptr),
        self(job.epilogue.self),
        own(nullptr),
        own_halves(nullptr),
        own_stride(job.epilogue.own.stride),
        relu(job.epilogue.relu) {
    if (self == 0) return;
    if (job.epilogue.own.type == Float::float32)
      own = static_cast<const float*>(job.epilogue.own.data) + f;
    else
      own_halves = static_cast<const std::uint16_t*>(job.epilogue.own.data) + f;
  }

  bool only_scales() const { return !degree_begin && !bias && self == 0 && !relu; }

  /// floats: how rows of float32 are read.
  template <class D, int NV, class Floats>
  HWY_INLINE void apply(D d, const Floats& floats, std::int64_t row, Panel<D, NV>& panel) const {
    if (degree_begin || row_scale) {
      float scale = 1;
      if (degree_begin)
        scale = 1 / static_cast<float>(std::max<std::int64_t>(1, degree_begin[row + 1] - degree_begin[row]));
      if (row_scale) scale *= row_scale[row];
      for (int i = 0; i < NV; ++i) panel.v[i] = hn::Mul(panel.v[i], hn::Set(d, scale));
    }
    if (own)
      panel.template add<true>(d, floats, own + row * own_stride, self);
    else if (own_halves)
      panel.template add<true>(d, OfBfloat16(), own_halves + row * own_stride, self);
    if (bias)
      for (int i = 0; i < NV; ++i) panel.v[i] = hn::Add(panel.v[i], floats.load(d, bias + i * hn::Lanes(d)));
    if (relu)
      for (int i = 0; i < NV; ++i)  // NaN stays, which Max would not let
        panel.v[i] = hn::IfThenZeroElse(hn::Lt(panel.v[i], hn::Zero(d)), panel.v[i]);
  }
};

/// Ends a row that nothing else adds to. A call of its own, as it would take registers from the loop over edges.
template <class D, int NV, class Floats>
HWY_NOINLINE void end_row(D d, const Floats& floats, const Ending& ending, std::int64_t row, Panel<D, NV>& panel,
                          float* y) {
  ending.apply(d, floats, row, panel);
  for (int i = 0; i < NV; ++i) floats.store(d, panel.v[i], y + i * hn::Lanes(d), false);
}

/// The epilogue where this layout is the last, then the store. One copy a panel, as it is long.
template <class D, int NV>
HWY_NOINLINE void finish_row(D d, const Job& job, std::int64_t row, std::int64_t f, Panel<D, NV>& panel) {
  const std::size_t n = hn::Lanes(d);
  if (job.last) Ending(job, f).apply(d, OfFloat(), row, panel);
  const std::int64_t at = row * job.y.stride + f;
  if (job.y.type == Float::float32)
    for (int i = 0; i < NV; ++i)
      OfFloat::store(d, panel.v[i], static_cast<float*>(job.y.data) + at + i * n, job.tactics.stream);
  else
    for (int i = 0; i < NV; ++i)
      OfBfloat16::store(d, panel.v[i], static_cast<std::uint16_t*>(job.y.data) + at + i * n, job.tactics.stream);
}

HWY_INLINE std::int64_t row_at(const Layout& layout, std::int64_t place) {
  return layout.row_of ? layout.row_of[place] : place;
}

/// Calls use(weight policy) for the edges of `edges`.
template <class Use>
HWY_INLINE void with_weight(const Job& job, const Edges& edges, int head, const Use& use) {
  const Weights& w = job.weights;
  const float* own = job.own_weights ? edges.weight : nullptr;
  if (!own && !w.edge && !w.column)
    use(Ones{});
  else if (own && !w.edge && !w.column)
    use(OwnWeight{own});
  else if (w.edge && !edges.source && w.heads == 1 && !own && !w.column)
    use(OwnWeight{w.edge});
  else if (!own && !w.edge)
    use(ColumnWeight{w.column});
  else
    use(GivenWeight{own, w.edge, w.column, edges.source, w.heads, head});
}

/// The sum of a row's intra edges out of its dense tile.
template <class Of, class D, int NV>
HWY_NOINLINE void add_tile(D d, const Layout& layout, const typename Of::T* x, std::int64_t stride, std::int64_t place,
                           Panel<D, NV>& panel) {
  const std::int64_t block = place / layout.block * layout.block;
  const std::int64_t members = std::min<std::int64_t>(layout.block, layout.rows - block);
  const float* tile = layout.tile + place * layout.block;
  for (std::int64_t k = 0; k < members; ++k)
    panel.template add<true>(d, Of(), x + row_at(layout, block + k) * stride, tile[k]);
}

template <class Of, class D, int NV>
HWY_NOINLINE void add_intra(D d, const Job& job, const typename Of::T* x, const Slice& slice, std::int64_t place,
                            Panel<D, NV>& panel) {
  const Layout& layout = job.layout;
  if (layout.tile) return add_tile<Of>(d, layout, x, job.x.stride, place, panel);
  if (!layout.intra.begin) return;
  const std::int64_t block = place / layout.block * layout.block;
  const LocalColumns where{layout.intra.local, layout.row_of ? layout.row_of + block : nullptr, block};
  with_weight(job, layout.intra, slice.head, [&](const auto& weight) HWY_ATTR {
    add_edges(d, Of(), x, job.x.stride, where, weight, layout.intra.begin[place], layout.intra.begin[place + 1],
              layout.intra.begin[place + 1], 0, panel);
  });
}

/// Rows whose inter edges are coordinates: a block's sums are gathered in `sums`, then finished.
template <class Of, class D, int NV>
void block_rows(D d, const Job& job, std::int64_t first, std::int64_t last, const Slice& slice) {
  const Layout& layout = job.layout;
  const auto* x = static_cast<const typename Of::T*>(job.x.data) + slice.f;
  Panel<D, NV> sums[256];
  for (std::int64_t block = first; block < last; block += layout.block) {
    const std::int64_t end = std::min(last, block + layout.block);
    for (std::int64_t p = block; p < end; ++p) {
      sums[p - block].clear(d);
      add_intra<Of>(d, job, x, slice, p, sums[p - block]);
    }
    const std::int64_t e0 = layout.block_begin[block / layout.block], e1 = layout.block_begin[block / layout.block + 1];
    with_weight(job, layout.inter, slice.head, [&](const auto& weight) HWY_ATTR {
      using Weight = std::decay_t<decltype(weight)>;
      for (std::int64_t e = e0; e < e1; ++e) {
        const std::int64_t c = layout.inter.column[e];
        sums[layout.row_in_block[e]].template add<Weight::weighted>(d, Of(), x + c * job.x.stride, weight.at(e, c));
      }
    });
    for (std::int64_t p = block; p < end; ++p) finish_row(d, job, row_at(layout, p), slice.f, sums[p - block]);
  }
}

/// What follows a row's inter edges where other layouts or subgraphs add to it, or the store is a special one.
template <class Of, class D, int NV>
HWY_NOINLINE void finish_with_more(D d, const Job& job, const typename Of::T* x, const Slice& slice, std::int64_t place,
                                   Panel<D, NV>& panel) {
  const Layout& layout = job.layout;
  const std::int64_t row = row_at(layout, place);
  if (!job.first) {
    const float* y = static_cast<const float*>(job.y.data) + row * job.y.stride + slice.f;
    panel.template add<false>(d, OfFloat(), y, 1);
  }
  if (layout.tile || layout.intra.begin) {
    Panel<D, NV> inside;
    inside.clear(d);
    add_intra<Of>(d, job, x, slice, place, inside);
    panel.add(inside);
  }
  finish_row(d, job, row, slice.f, panel);
}

/// Whether rows are sums over one layout's inter edges, stored as float32.
inline bool stands_alone(const Job& job) {
  return job.reduce != Reduce::max && job.first && job.last && !job.layout.tile && !job.layout.intra.begin &&
         !job.layout.block_begin && job.y.type == Float::float32 && !job.tactics.stream;
}

/// Rows that stand alone and end as they are or with their scale: nothing but their loop, as short rows feel every
/// instruction beside it. fetches: the edges that are fetched ahead are all there; or nothing is.
template <bool fetches, class Of, class D, int NV, class Weight>
HWY_NOINLINE void plain_rows(D d, Of of, Weight weight, const Job& job, std::int64_t first, std::int64_t last,
                             std::int64_t f) {
  const Layout& layout = job.layout;
  const auto floats = floats_beside(of);
  const auto* x = static_cast<const typename Of::T*>(job.x.data) + f;
  auto* y = static_cast<float*>(job.y.data) + f;
  const std::int64_t x_stride = job.x.stride, y_stride = job.y.stride;
  const std::int64_t* begin = layout.inter.begin;
  const std::int32_t* row_of = layout.row_of;
  const int ahead = job.tactics.prefetch;
  const float* row_scale = job.epilogue.row_scale;
  const Columns where{layout.inter.column};
  const auto store = [&](std::int64_t p, Panel<D, NV> panel) HWY_ATTR {
    const std::int64_t row = row_of ? row_of[p] : p;
    float* to = y + row * y_stride;
    if (row_scale)
      for (int i = 0; i < NV; ++i) panel.v[i] = hn::Mul(panel.v[i], hn::Set(d, row_scale[row]));
    for (int i = 0; i < NV; ++i) floats.store(d, panel.v[i], to + i * hn::Lanes(d), false);
  };
  std::int64_t e = begin[first];
  for (std::int64_t p = first; p < last; ++p) {
    // no calls in here, which would cost registers
    for (; p < last; ++p) {
      const std::int64_t next = begin[p + 1];
      if (next - e >= many_edges<NV>) break;
      Panel<D, NV> panel;
      panel.clear(d);
      for (; e < next; ++e) {
        if constexpr (fetches) fetch<Of, D, NV>(d, x, x_stride, where, e + ahead);
        const std::int64_t c = where.at(e);
        panel.template add<Weight::weighted>(d, of, x + c * x_stride, weight.at(e, c));
      }
      store(p, panel);
    }
    if (p == last) break;
    const std::int64_t next = begin[p + 1];
    store(p, sum_of_many<Of, D, NV>(d, of, x, x_stride, where, weight, e, next, begin[layout.rows], ahead));
    e = next;
  }
}

/// A function of its own, with copies of what it reads: stores could change what lies behind references for all the
/// compiler knows.
template <class Of, class D, int NV, class Weight>
HWY_NOINLINE void weighted_rows(D d, Of of, Weight weight, const Job& job, std::int64_t first, std::int64_t last,
                                const Slice& slice) {
  const Layout& layout = job.layout;
  const auto floats = floats_beside(of);
  const auto* x = static_cast<const typename Of::T*>(job.x.data) + slice.f;
  auto* y = static_cast<float*>(job.y.data) + slice.f;
  const std::int64_t x_stride = job.x.stride, y_stride = job.y.stride, end = layout.inter.begin[layout.rows];
  const std::int64_t* begin = layout.inter.begin;
  const std::int32_t* row_of = layout.row_of;
  const int ahead = job.tactics.prefetch;
  const Ending ending(job, slice.f);
  const bool alone = stands_alone(job);
  if (alone && ending.only_scales()) {
    // the last rows would fetch what is not there
    std::int64_t stop = ahead > 0 ? last : first;
    while (stop > first && begin[stop] + ahead > end) --stop;
    plain_rows<true, Of, D, NV>(d, of, weight, job, first, stop, slice.f);
    plain_rows<false, Of, D, NV>(d, of, weight, job, stop, last, slice.f);
    return;
  }
  const Columns where{layout.inter.column};
  std::int64_t e = begin[first];
  for (std::int64_t p = first; p < last; ++p) {
    const std::int64_t next = begin[p + 1];
    Panel<D, NV> panel;
    if (next - e < many_edges<NV>) {
      panel.clear(d);
      add_edges(d, of, x, x_stride, where, weight, e, next, end, ahead, panel);
    } else {
      panel = sum_of_many<Of, D, NV>(d, of, x, x_stride, where, weight, e, next, end, ahead);
    }
    e = next;
    const std::int64_t row = row_of ? row_of[p] : p;
    float* to = y + row * y_stride;
    Panel<D, NV> copy = panel;                   // what a call may see cannot stay in registers
    if constexpr (!std::is_same_v<Of, OfFirst>)  // which narrow_rows() takes where rows stand alone only
      if (!alone) {
        finish_with_more<Of>(d, job, x, slice, p, copy);
        continue;
      }
    end_row(d, floats, ending, row, copy, to);
  }
}

template <class Of, class D, int NV>
void panel_rows(D d, Of of, const Job& job, std::int64_t first, std::int64_t last, const Slice& slice) {
  with_weight(job, job.layout.inter, slice.head,
              [&](const auto& weight) HWY_ATTR { weighted_rows<Of, D, NV>(d, of, weight, job, first, last, slice); });
}

template <class Of, class D, int NV>
void most_rows(D d, const Job& job, std::int64_t first, std::int64_t last, const Slice& slice) {
  const Layout& layout = job.layout;
  const auto* x = static_cast<const typename Of::T*>(job.x.data) + slice.f;
  const std::size_t n = hn::Lanes(d);
  const hn::RebindToSigned<D> whole;
  HWY_ALIGN std::int32_t winner[hn::MaxLanes(whole)];
  const Columns where{layout.inter.column};
  for (std::int64_t p = first; p < last; ++p) {
    const std::int64_t row = row_at(layout, p), begin = layout.inter.begin[p], end = layout.inter.begin[p + 1];
    Panel<D, NV> most;
    hn::Vec<decltype(whole)> index[NV];
    most.clear(d);
    for (int i = 0; i < NV; ++i) index[i] = hn::Set(whole, -1);
    for (std::int64_t e = begin; e < end; ++e) {
      const auto* from = x + where.at(e) * job.x.stride;
      for (int i = 0; i < NV; ++i) {
        const auto value = Of().load(d, from + i * n);
        const auto greater =
            e == begin ? hn::Eq(most.v[i], most.v[i]) : hn::Or(hn::Gt(value, most.v[i]), hn::IsNaN(value));
        most.v[i] = hn::IfThenElse(greater, value, most.v[i]);
        index[i] = hn::IfThenElse(hn::RebindMask(whole, greater), hn::Set(whole, static_cast<std::int32_t>(e - begin)),
                                  index[i]);
      }
    }
    for (int i = 0; job.argmax && i < NV; ++i) {
      hn::Store(index[i], whole, winner);
      for (std::size_t k = 0; k < n; ++k) {
        std::int64_t e = winner[k];
        if (e >= 0) e = layout.inter.source ? layout.inter.source[begin + e] : begin + e;
        job.argmax[row * job.x.width + slice.f + static_cast<std::int64_t>(i * n + k)] = e;
      }
    }
    finish_row(d, job, row, slice.f, most);
  }
}

/// Rows of parts that no vector's lanes divide, in one pass over the edges instead of two or more that overlap. False
/// where there are no masks for that, or rows are more than sums.
template <class Of>
bool narrow_rows(const Job& job, std::int64_t first, std::int64_t last) {
  if constexpr (has_masks && std::is_same_v<Of, OfFloat>) {
    const std::int64_t part = job.x.width / job.weights.heads;
    const auto lanes = static_cast<std::int64_t>(hn::Lanes(hn::ScalableTag<float>()));
    if (part >= lanes || part == 8 || part == 4 || part == 1 || !stands_alone(job)) return false;
    const OfFirst of{static_cast<std::size_t>(part)};
    for (int head = 0; head < job.weights.heads; ++head) {
      const Slice slice{head * part, head};
      if (part > 8)
        panel_rows<OfFirst, hn::ScalableTag<float>, 1>({}, of, job, first, last, slice);
      else if (part > 4)
        panel_rows<OfFirst, hn::CappedTag<float, 8>, 1>({}, of, job, first, last, slice);
      else
        panel_rows<OfFirst, hn::CappedTag<float, 4>, 1>({}, of, job, first, last, slice);
    }
    return true;
  }
  return false;
}

/// Heads of whole vectors in one pass over the edges, instead of one a head. Vectors may be narrower than the widest.
template <class D>
void head_rows_of(D d, const Job& job, std::int64_t first, std::int64_t last) {
  const auto vectors_per_head = static_cast<int>(job.x.width / job.weights.heads) / static_cast<int>(hn::Lanes(d));
  HeadWeights weight{job.weights.edge, job.layout.inter.source, job.weights.heads, {}};
  panels_of<8>(d, job.x.width, 1, [&](auto, auto count, const Slice& slice) HWY_ATTR {
    const int vector = static_cast<int>(slice.f) / static_cast<int>(hn::Lanes(d));
    for (int i = 0; i < count.value; ++i) weight.of[i] = (vector + i) / vectors_per_head;
    weighted_rows<OfFloat, D, count.value>(d, OfFloat(), weight, job, first, last, slice);
  });
}

/// False where heads are no whole vectors, or rows are more than sums of their inter edges by a weight each.
template <class Of>
bool head_rows(const Job& job, std::int64_t first, std::int64_t last) {
  if constexpr (std::is_same_v<Of, OfFloat>) {
    const Layout& layout = job.layout;
    const std::int64_t part = job.x.width / job.weights.heads;
    const auto widest = static_cast<std::int64_t>(hn::Lanes(hn::ScalableTag<float>()));
    if (job.weights.heads == 1 || !job.weights.edge || job.weights.column || (job.own_weights && layout.inter.weight) ||
        job.reduce == Reduce::max || layout.tile || layout.intra.begin || layout.block_begin || part >= 8 * widest)
      return false;
    if (part % widest == 0)
      head_rows_of(hn::ScalableTag<float>(), job, first, last);
    else if (part % 8 == 0)
      head_rows_of(hn::CappedTag<float, 8>(), job, first, last);
    else if (part % 4 == 0)
      head_rows_of(hn::CappedTag<float, 4>(), job, first, last);
    else
      return false;
    return true;
  }
  return false;
}

// What is called with the type of the features.

struct RowsOf {
  const Job* job;
  std::int64_t first, last;

  template <class Of>
  void call() const {
    // rows whose features stay in the first caches while all panels pass over them
    std::int64_t step = job->layout.block > 0 ? std::max(1, 64 / job->layout.block) * job->layout.block : 64;
    const auto lanes = static_cast<std::int64_t>(hn::Lanes(hn::ScalableTag<float>()));
    const std::int64_t width = job->x.width;
    if (job->weights.heads == 1 && (width <= lanes || width == 2 * lanes || width == 4 * lanes || width == 8 * lanes))
      step = last - first;  // one panel
    for (std::int64_t from = first; from < last; from += step) {
      const std::int64_t to = std::min(last, from + step);
      if (head_rows<Of>(*job, from, to) || narrow_rows<Of>(*job, from, to)) continue;
      each_panel(job->x.width, job->weights.heads, [&](auto d, auto count, const Slice& slice) HWY_ATTR {
        if (job->reduce == Reduce::max)
          most_rows<Of, decltype(d), count.value>(d, *job, from, to, slice);
        else if (job->layout.block_begin)
          block_rows<Of, decltype(d), count.value>(d, *job, from, to, slice);
        else
          panel_rows<Of, decltype(d), count.value>(d, Of(), *job, from, to, slice);
      });
    }
  }
};

struct PartialOf {
  const Job* job;
  std::int64_t first, last;
  float* sums;

  template <class Of>
  void call() const {
    each_panel(job->x.width, job->weights.heads, [&](auto d, auto count, const Slice& slice) HWY_ATTR {
      const auto* x = static_cast<const typename Of::T*>(job->x.data) + slice.f;
      constexpr int vectors = count.value;
      const Columns where{job->layout.inter.column};
      Panel<decltype(d), vectors> panel;
      with_weight(*job, job->layout.inter, slice.head, [&](const auto& weight) HWY_ATTR {
        panel = sum_of_many<Of, decltype(d), vectors>(d, Of(), x, job->x.stride, where, weight, first, last, last,
                                                      job->tactics.prefetch);
      });
      for (int i = 0; i < vectors; ++i) hn::StoreU(panel.v[i], d, sums + slice.f + i * hn::Lanes(d));
    });
  }
};

struct FinishOf {
  const Job* job;
  std::int64_t place;
  const float* sums;

  template <class Of>
  void call() const {
    each_panel(job->x.width, 1, [&](auto d, auto count, const Slice& slice) HWY_ATTR {
      Panel<decltype(d), count.value> panel;
      for (int i = 0; i < count.value; ++i) panel.v[i] = hn::LoadU(d, sums + slice.f + i * hn::Lanes(d));
      finish_row(d, *job, row_at(job->layout, place), slice.f, panel);
    });
  }
};

template <class Call>
void by_type(const Job& job, const Call& call) {
  if (job.x.type == Float::float32)
    call.template call<OfFloat>();
  else
    call.template call<OfBfloat16>();
}
