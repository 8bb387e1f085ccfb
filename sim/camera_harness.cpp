// SPDX-License-Identifier: Apache-2.0
// Two cameras with clocks of their own on a Verilated top: bus samples in, frames and packets out (ctypes).
//
// Time is in picoseconds; each of the three clocks has its own edges. A camera's stream is a queue of
// runs: bus samples (pixel, hsync in bit 8, vsync in bit 9), the period of their clock, and a delay
// before the first of them, in which the clock stands still. KESTREL_TOP is the module; with CHIP it has
// registers and packets.
#include <cstdint>
#include <cstring>
#include <deque>
#include <vector>

#define TEXT(x) #x
#define FILE_OF(x) TEXT(x.h)
#include FILE_OF(KESTREL_TOP)
#include "verilated.h"

namespace {

struct Run {
  std::vector<uint16_t> samples;
  uint64_t period, rest;
};

struct Camera {
  std::deque<Run> runs;
  size_t at = 0;
  uint64_t edge = 0;  // time of the next rising edge
  bool high = false;
  bool frame = false, begun = false;
  uint64_t starts = 0;  // frames whose first pixel was on the bus
};

// A frame that was let in: the pixels that went on, and what was said of it with its commit.
struct Frame {
  std::vector<uint8_t> left, right;
  uint32_t flags = 0;  // 1 lost, 2 right image, 4 repaired, 8 forgotten before it
};

struct World {
  VerilatedContext context;
  KESTREL_TOP* top = nullptr;
  uint64_t now = 0, cycles = 0, clk_edge = 0;
  uint64_t period = 16000;
  Camera cameras[2];
  Frame frame;
  bool forget = false;
  std::deque<Frame> frames;
  uint64_t begun = 0, drops = 0, lost = 0, late = 0, left_lost = 0, left_late = 0;
  std::vector<uint32_t> packet;
  std::deque<std::vector<uint32_t>> packets;
  uint32_t stall = 0;  // share of the cycles, of 256, in which the sink of tracks waits
  uint64_t random;
  bool last_word_stalled = false;
  uint32_t stalled_word = 0;
  uint64_t broken_rules = 0;

  explicit World(int seed) : random(seed * 2654435761u + 88172645463325252ull) {
    context.randReset(2);
    context.randSeed(seed);
    top = new KESTREL_TOP{&context};
    top->clk = top->left_pixel_clk = top->right_pixel_clk = 0;
    top->left_vsync = top->left_hsync = top->right_vsync = top->right_hsync = 0;
    top->rst = 1;
  }
  ~World() {
    top->final();
    delete top;
  }

  uint32_t draw() {
    random ^= random << 13;
    random ^= random >> 7;
    random ^= random << 17;
    return static_cast<uint32_t>(random >> 11) & 255;
  }

  // A rising edge of a camera's clock; its bus changes right behind it.
  void pixel_edge(int i) {
    Camera& c = cameras[i];
    (i ? top->right_pixel_clk : top->left_pixel_clk) = 1;
    top->eval();
    (i ? top->right_pixel_clk : top->left_pixel_clk) = 0;
    uint16_t word = 0;
    uint64_t period = 40000, rest = 0;
    while (!c.runs.empty() && c.at == c.runs.front().samples.size()) {
      c.runs.pop_front();
      c.at = 0;
    }
    if (!c.runs.empty()) {
      if (c.at == 0) rest = c.runs.front().rest;
      word = c.runs.front().samples[c.at++];
      period = c.runs.front().period;
    }
    bool vsync = word >> 9 & 1, hsync = word >> 8 & 1;
    if (!vsync) c.begun = false;
    else if (hsync && !c.begun) {
      c.begun = true;
      c.starts++;
    }
    (i ? top->right_vsync : top->left_vsync) = vsync;
    (i ? top->right_hsync : top->left_hsync) = hsync;
    (i ? top->right_pixel : top->left_pixel) = word & 255;
    top->eval();
    c.edge += period + rest;
  }

  void clk_rise() {
#ifdef CHIP
    top->m_axis_tready = draw() >= stall;
#endif
    top->eval();
    if (!top->rst) watch();
    top->clk = 1;
    top->eval();
    top->clk = 0;
    top->eval();
    cycles++;
  }

  void watch() {
    if (top->probe_begin) {
      begun++;
      frame.left.clear();
      frame.right.clear();
    }
    if (top->probe_left) frame.left.push_back(top->probe_left_data);
    if (top->probe_right) frame.right.push_back(top->probe_right_data);
    if (top->probe_forget) forget = true;
    drops += top->probe_drop;
    lost += top->probe_camera_lost;
    late += top->probe_late;
    left_lost += top->probe_left_lost;
    left_late += top->probe_left_late;
    if (top->probe_commit) {
      frame.flags = top->probe_lost | top->probe_right_in << 1 | top->probe_bad << 2 | forget << 3;
      forget = false;
      frames.push_back(std::move(frame));
      frame = Frame{};
    }
#ifdef CHIP
    uint32_t word = top->m_axis_tdata ^ (top->m_axis_tlast ? 0x80000000u : 0);
    if (last_word_stalled && (!top->m_axis_tvalid || word != stalled_word)) broken_rules++;
    last_word_stalled = top->m_axis_tvalid && !top->m_axis_tready;
    stalled_word = word;
    if (top->m_axis_tvalid && top->m_axis_tready) {
      packet.push_back(top->m_axis_tdata);
      if (top->m_axis_tlast) {
        packets.push_back(std::move(packet));
        packet.clear();
      }
    }
#endif
  }

  // Run until the next rising edge of clk has passed.
  void step() {
    for (;;) {
      int first = cameras[1].edge < cameras[0].edge;
      if (cameras[first].edge >= clk_edge) break;
      now = cameras[first].edge;
      pixel_edge(first);
    }
    now = clk_edge;
    clk_rise();
    clk_edge += period;
  }
};

}  // namespace

extern "C" {

World* world_new(int seed) {
  auto* w = new World(seed);
#ifdef CHIP
  w->top->s_axil_awvalid = w->top->s_axil_wvalid = w->top->s_axil_arvalid = 0;
  w->top->s_axil_bready = w->top->s_axil_rready = 1;
#endif
  for (int i = 0; i < 4; i++) w->step();
  w->top->rst = 0;
  return w;
}
void world_free(World* w) { delete w; }
uint64_t world_cycles(const World* w) { return w->cycles; }
void world_run(World* w, uint64_t cycles) {
  for (uint64_t i = 0; i < cycles; i++) w->step();
}
// Queue bus samples of camera 0 or 1: their clock's period, and how long it stands still before, in ps.
void world_bus(World* w, int camera, const uint16_t* samples, uint64_t count, uint64_t period, uint64_t rest) {
  w->cameras[camera].runs.push_back({std::vector<uint16_t>(samples, samples + count), period, rest});
}
// Runs of a camera that are still to come.
uint64_t world_left(const World* w, int camera) { return w->cameras[camera].runs.size(); }
// Counts since the start: frames begun at the buses, left and right; let in; refused or lost; broken
// off by a queue; left out as late; rules of the stream of tracks that were broken; of those broken
// off and left out, the left camera's.
void world_counts(const World* w, uint64_t* out) {
  out[0] = w->cameras[0].starts;
  out[1] = w->cameras[1].starts;
  out[2] = w->begun;
  out[3] = w->drops;
  out[4] = w->lost;
  out[5] = w->late;
  out[6] = w->broken_rules;
  out[7] = w->left_lost;
  out[8] = w->left_late;
}
// Give out the next frame that was committed: flags, -1 when there is none; its pixels, at most `room`.
int world_frame(World* w, uint8_t* left, uint8_t* right, uint64_t room, uint64_t* sizes) {
  if (w->frames.empty()) return -1;
  Frame f = std::move(w->frames.front());
  w->frames.pop_front();
  sizes[0] = f.left.size();
  sizes[1] = f.right.size();
  std::memcpy(left, f.left.data(), f.left.size() < room ? f.left.size() : room);
  std::memcpy(right, f.right.data(), f.right.size() < room ? f.right.size() : room);
  return static_cast<int>(f.flags);
}
#ifndef CHIP
void world_settings(World* w, int enable, int width, int height) {
  w->top->enable = enable;
  w->top->width = width;
  w->top->height = height;
}
#else
void world_stall(World* w, uint32_t share) { w->stall = share; }
int64_t world_packet(World* w, uint32_t* words, uint64_t room) {
  if (w->packets.empty()) return -1;
  auto packet = std::move(w->packets.front());
  w->packets.pop_front();
  uint64_t n = packet.size() < room ? packet.size() : room;
  std::memcpy(words, packet.data(), 4 * n);
  return static_cast<int64_t>(packet.size());
}
int world_write(World* w, uint32_t address, uint32_t data) {
  auto* t = w->top;
  t->s_axil_awvalid = t->s_axil_wvalid = 1;
  t->s_axil_awaddr = address;
  t->s_axil_wdata = data;
  t->s_axil_wstrb = 15;
  for (int i = 0; i < 1000; i++) {
    t->eval();
    bool a = t->s_axil_awvalid && t->s_axil_awready, d = t->s_axil_wvalid && t->s_axil_wready;
    bool b = t->s_axil_bvalid;
    int response = t->s_axil_bresp;
    w->step();
    if (a) t->s_axil_awvalid = 0;
    if (d) t->s_axil_wvalid = 0;
    if (b) return response;
  }
  return -1;
}
int world_read(World* w, uint32_t address, uint32_t* data) {
  auto* t = w->top;
  t->s_axil_arvalid = 1;
  t->s_axil_araddr = address;
  for (int i = 0; i < 1000; i++) {
    t->eval();
    bool a = t->s_axil_arvalid && t->s_axil_arready, r = t->s_axil_rvalid;
    int response = t->s_axil_rresp;
    *data = t->s_axil_rdata;
    w->step();
    if (a) t->s_axil_arvalid = 0;
    if (r) return response;
  }
  return -1;
}
#endif
}
