// SPDX-License-Identifier: Apache-2.0
// The whole front end in a shared library: frames in, packets of tracks and digests out (ctypes).
//
// One cycle a step. The pixel streams and the track stream may stall (seeded), so that the same
// frames can be fed at any pace; what comes out must not depend on it.
#include <cstdint>
#include <cstring>
#include <deque>
#include <vector>

#include "Vfrontend_probe.h"
#include "verilated.h"
#if VM_COVERAGE
#include "verilated_cov.h"
#endif

namespace {

constexpr int kProbes = 12;
constexpr uint64_t kOffset = 0xcbf29ce484222325ULL;
constexpr uint64_t kPrime = 0x100000001b3ULL;

// A camera: the frames it still has to send, and where it is in the first of them. A word is a pixel
// with its start of frame in bit 8 and its end of line in bit 9; with bit 10 it breaks the frame off.
struct Camera {
  struct Frame {
    std::vector<uint16_t> words;
    uint64_t not_before;
  };
  std::deque<Frame> frames;
  size_t at = 0;
};

struct Kestrel {
  VerilatedContext context;
  Vfrontend_probe* top = nullptr;
  uint64_t cycles = 0;
  uint32_t stall_seed = 0;  // 0: never stalls
  Camera left, right;
  std::vector<uint32_t> packet;             // the one that comes in
  std::deque<std::vector<uint32_t>> ready;  // complete ones
  uint64_t digest[kProbes], count[kProbes];
  uint64_t hash = kOffset;

  // What has no reset starts with random bits, as in a chip: they must not matter.
  explicit Kestrel(int seed) {
    context.randReset(2);
    context.randSeed(seed);
    top = new Vfrontend_probe{&context};
    for (int i = 0; i < kProbes; i++) digest[i] = kOffset, count[i] = 0;
  }
  ~Kestrel() {
    top->final();
    delete top;
  }

  bool stalls() {
    if (!stall_seed) return false;
    stall_seed ^= stall_seed << 13;
    stall_seed ^= stall_seed >> 17;
    stall_seed ^= stall_seed << 5;
    return (stall_seed & 7) < 3;
  }

  void probe(int i, uint64_t value) {
    digest[i] = (digest[i] ^ value) * kPrime;
    count[i]++;
  }

  void offer(Camera& c, uint8_t& valid, uint8_t& data, uint8_t& user, uint8_t& last) {
    valid = 0;
    if (c.frames.empty() || cycles < c.frames.front().not_before || (valid_held(c) == 0 && stalls()))
      return;
    valid = 1;
    uint16_t word = c.frames.front().words[c.at];
    data = word & 255;
    user = (word >> 8 & 1) | (word >> 9 & 2);
    last = word >> 9 & 1;
  }
  // A word that was offered stays until it is taken: no stall in between.
  bool held_left = false, held_right = false;
  bool valid_held(const Camera& c) const { return &c == &left ? held_left : held_right; }

  void taken(Camera& c) {
    if (++c.at == c.frames.front().words.size()) {
      c.frames.pop_front();
      c.at = 0;
    }
  }

  void step() {
    offer(left, top->s_left_axis_tvalid, top->s_left_axis_tdata, top->s_left_axis_tuser,
          top->s_left_axis_tlast);
    offer(right, top->s_right_axis_tvalid, top->s_right_axis_tdata, top->s_right_axis_tuser,
          top->s_right_axis_tlast);
    top->m_axis_tready = !stalls();
    top->clk = 0;
    top->eval();
    bool take_left = top->s_left_axis_tvalid && top->s_left_axis_tready;
    bool take_right = top->s_right_axis_tvalid && top->s_right_axis_tready;
    held_left = top->s_left_axis_tvalid && !take_left;
    held_right = top->s_right_axis_tvalid && !take_right;
    if (!top->rst && top->m_axis_tvalid && top->m_axis_tready) {
      packet.push_back(top->m_axis_tdata);
      if (top->m_axis_tlast) {
        ready.push_back(packet);
        packet.clear();
      }
    }
    if (!top->rst) watch();
    top->clk = 1;
    top->eval();
    if (take_left) taken(left);
    if (take_right) taken(right);
    cycles++;
  }

  // What goes on between the blocks, block by block (frontend_probe.v names the wires).
  void watch() {
    if (top->probe_level1_valid) probe(0, top->probe_level1);
    if (top->probe_level2_valid) probe(1, top->probe_level2);
    if (top->probe_left0_valid) probe(2, top->probe_left0);
    if (top->probe_left1_valid) probe(3, top->probe_left1);
    if (top->probe_left2_valid) probe(4, top->probe_left2);
    if (top->probe_right_valid) probe(5, top->probe_right);
    if (top->probe_candidate_valid) probe(6, top->probe_candidate);
    if (top->probe_corner_valid) probe(7, top->probe_corner);
    if (top->probe_klt_valid) {
      probe(8, top->probe_klt_uv);
      probe(8, top->probe_klt_status);
    }
    if (top->probe_mono_valid) probe(9, top->probe_mono);
    if (top->probe_match_valid) {
      probe(10, top->probe_match_uv);
      probe(10, top->probe_match_ray);
    }
    if (top->probe_stereo_valid) probe(11, top->probe_stereo);
  }
};

}  // namespace

extern "C" {

Kestrel* kestrel_new(int seed) {
  auto* k = new Kestrel(seed);
  auto* t = k->top;
  t->clk = 0;
  t->event_camera_left_missing = t->event_camera_right_missing = t->event_camera_late = 0;
  t->count_camera_lost = 0;
  t->s_axil_awvalid = t->s_axil_wvalid = t->s_axil_arvalid = 0;
  t->s_axil_bready = t->s_axil_rready = 1;
  t->rst = 1;
  for (int i = 0; i < 4; i++) k->step();
  k->top->rst = 0;
  return k;
}

void kestrel_free(Kestrel* k) { delete k; }

void kestrel_stall(Kestrel* k, uint32_t seed) { k->stall_seed = seed; }

uint64_t kestrel_cycles(const Kestrel* k) { return k->cycles; }

// Let some cycles pass.
void kestrel_run(Kestrel* k, uint64_t cycles) {
  for (uint64_t i = 0; i < cycles; i++) k->step();
}

// Write a register over AXI4-Lite; returns the response, -1 without one.
int kestrel_write(Kestrel* k, uint32_t address, uint32_t data) {
  auto* t = k->top;
  t->s_axil_awvalid = t->s_axil_wvalid = 1;
  t->s_axil_awaddr = address;
  t->s_axil_wdata = data;
  t->s_axil_wstrb = 15;
  t->s_axil_bready = 1;
  for (int i = 0; i < 1000; i++) {
    t->clk = 0;
    t->eval();
    bool a = t->s_axil_awvalid && t->s_axil_awready, w = t->s_axil_wvalid && t->s_axil_wready;
    bool b = t->s_axil_bvalid;
    int response = t->s_axil_bresp;
    k->step();
    if (a) t->s_axil_awvalid = 0;
    if (w) t->s_axil_wvalid = 0;
    if (b) return response;
  }
  return -1;
}

// Read a register; returns the response, -1 without one.
int kestrel_read(Kestrel* k, uint32_t address, uint32_t* data) {
  auto* t = k->top;
  t->s_axil_arvalid = 1;
  t->s_axil_araddr = address;
  t->s_axil_rready = 1;
  for (int i = 0; i < 1000; i++) {
    t->clk = 0;
    t->eval();
    bool a = t->s_axil_arvalid && t->s_axil_arready, r = t->s_axil_rvalid;
    int response = t->s_axil_rresp;
    *data = t->s_axil_rdata;
    k->step();
    if (a) t->s_axil_arvalid = 0;
    if (r) return response;
  }
  return -1;
}

// Queue words of a camera (0 left, 1 right), to begin not before `delay` cycles from now.
void kestrel_words(Kestrel* k, int camera, const uint16_t* words, uint64_t count, uint64_t delay) {
  Camera& c = camera ? k->right : k->left;
  c.frames.push_back({std::vector<uint16_t>(words, words + count), k->cycles + delay});
}

// Say whether all words of both cameras were taken.
int kestrel_idle(const Kestrel* k) { return k->left.frames.empty() && k->right.frames.empty(); }

// Run until a packet is complete; returns its words (at most `room`), -1 after `limit` cycles.
int64_t kestrel_packet(Kestrel* k, uint32_t* words, uint64_t room, uint64_t limit) {
  for (uint64_t i = 0; k->ready.empty(); i++) {
    if (i == limit) return -1;
    k->step();
  }
  auto packet = std::move(k->ready.front());
  k->ready.pop_front();
  uint64_t n = packet.size() < room ? packet.size() : room;
  std::memcpy(words, packet.data(), 4 * n);
  return static_cast<int64_t>(packet.size());
}

// Give out the digests and numbers of words of all trace points since the last call, and begin anew.
void kestrel_digests(Kestrel* k, uint64_t* digest, uint64_t* count) {
  for (int i = 0; i < kProbes; i++) {
    digest[i] = k->digest[i];
    count[i] = k->count[i];
    k->digest[i] = kOffset;
    k->count[i] = 0;
  }
}

// Write the line coverage seen so far, where the library was built for it.
int kestrel_coverage(Kestrel* k, const char* path) {
#if VM_COVERAGE
  k->context.coveragep()->write(path);
  return 1;
#else
  (void)k;
  (void)path;
  return 0;
#endif
}
}
