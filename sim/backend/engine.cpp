// SPDX-License-Identifier: Apache-2.0
// rtl/backend/vector_engine.v in a shared library: words and runs in, calls, words out (ctypes).
#include <cstdint>

#include "Vvector_engine.h"
#include "verilated.h"

namespace {

struct Engine {
  VerilatedContext context;
  Vvector_engine* top = nullptr;
  uint64_t cycles = 0;

  // Memories and registers without a reset start with random bits, as in a chip.
  explicit Engine(int seed) {
    context.randReset(2);
    context.randSeed(seed);
    top = new Vvector_engine{&context};
    top->s_axis_tvalid = top->run_write = top->h_valid = top->n_kind = 0;
    top->rst = 1;
    for (int k = 0; k < 4; k++) clock();
    top->rst = 0;
  }
  ~Engine() {
    top->final();
    delete top;
  }

  void clock() {
    top->clk = 0;
    top->eval();
    top->clk = 1;
    top->eval();
    cycles++;
  }

  void runs(const uint32_t* words, uint32_t count) {
    top->run_write = 1;
    for (uint32_t k = 0; k < count; k++) {
      top->run_address = k;
      top->run_data = words[k];
      clock();
    }
    top->run_write = 0;
  }

  // The engine is idle: a word a cycle.
  void write(const uint32_t* places, const uint32_t* words, uint64_t count) {
    top->h_valid = top->h_write = 1;
    for (uint64_t k = 0; k < count; k++) {
      top->h_address = places[k];
      top->h_word = words[k];
      clock();
    }
    top->h_valid = 0;
  }

  uint64_t read(uint32_t* words, uint32_t count) {
    uint64_t came = 0;
    top->h_write = 0;
    for (uint32_t k = 0; k < count + 8; k++) {
      top->h_valid = k < count;
      top->h_address = k;
      clock();
      if (top->h_came && came < count) words[came++] = top->h_data;
    }
    return came;
  }

  // A step of calls; its status, or -1 when it does not end within `limit` cycles.
  int64_t calls(const uint32_t* words, uint64_t count, uint64_t limit) {
    const uint64_t end = cycles + limit;
    uint64_t at = 0;
    while (cycles < end) {
      top->s_axis_tvalid = at < count;
      top->s_axis_tdata = at < count ? words[at] : 0;
      top->s_axis_tlast = at + 1 == count;
      top->clk = 0;
      top->eval();
      const bool taken = top->s_axis_tvalid && top->s_axis_tready;
      top->clk = 1;
      top->eval();
      cycles++;
      at += taken;
      if (top->m_done) {
        for (int k = 0; k < 4; k++) clock();  // the last words are in the banks
        return top->m_status | static_cast<int64_t>(top->m_call) << 4;
      }
    }
    return -1;
  }
};

}  // namespace

extern "C" {

void* kestrel_engine_new(int seed) { return new Engine(seed); }
void kestrel_engine_free(void* e) { delete static_cast<Engine*>(e); }
uint64_t kestrel_engine_cycles(void* e) { return static_cast<Engine*>(e)->cycles; }

void kestrel_engine_runs(void* e, const uint32_t* words, uint32_t count) {
  static_cast<Engine*>(e)->runs(words, count);
}

void kestrel_engine_write(void* e, const uint32_t* places, const uint32_t* words, uint64_t count) {
  static_cast<Engine*>(e)->write(places, words, count);
}

uint64_t kestrel_engine_read(void* e, uint32_t* words, uint32_t count) {
  return static_cast<Engine*>(e)->read(words, count);
}

int64_t kestrel_engine_calls(void* e, const uint32_t* words, uint64_t count, uint64_t limit) {
  return static_cast<Engine*>(e)->calls(words, count, limit);
}

// Calls, cycles and waits of a kind since the beginning.
void kestrel_engine_counters(void* e, int kind, uint32_t* out) {
  auto* top = static_cast<Engine*>(e)->top;
  top->n_kind = kind;
  top->eval();
  out[0] = top->n_calls;
  out[1] = top->n_cycles;
  out[2] = top->n_waits;
}
}
