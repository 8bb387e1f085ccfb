// SPDX-License-Identifier: Apache-2.0
// The inertial block hls/imu.v in a shared library: packets in, its state out (ctypes).
//
// Both streams may stall (seeded): what comes out must not depend on it.
#include <cstdint>

#include "Vimu.h"
#include "verilated.h"

namespace {

constexpr int kRead = 2;

struct Imu {
  VerilatedContext context;
  Vimu* top = nullptr;
  uint64_t clocks = 0;
  uint32_t stall_seed = 0;  // 0: never stalls

  // Memories and registers without a reset start with random bits, as in a chip.
  explicit Imu(int seed) {
    context.randReset(2);
    context.randSeed(seed);
    top = new Vimu{&context};
    top->s_valid = top->m_ready = 0;
    reset();
  }
  ~Imu() {
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

  void clock() {
    top->clk = 0;
    top->eval();
    top->clk = 1;
    top->eval();
    clocks++;
  }

  // Let the inputs settle before the next edge.
  void settle() {
    top->clk = 0;
    top->eval();
  }

  void reset() {
    top->rst = 1;
    top->s_valid = 0;
    clock();
    clock();
    top->rst = 0;
  }

  // Offer a packet; false when it is not taken within `limit` clocks.
  bool put(int command, const uint32_t* words, uint64_t count, uint64_t limit) {
    const uint64_t end = clocks + limit;
    uint64_t at = 0;
    bool offered = false;  // a word that was offered stays
    while (at < count && clocks < end) {
      offered = offered || !stalls();
      top->s_valid = offered;
      top->s_data = words[at];
      top->s_command = at == 0 ? command : 3;  // only the first word's counts
      settle();
      const bool taken = top->s_valid && top->s_ready;
      clock();
      if (taken) at++, offered = false;
    }
    top->s_valid = 0;
    return at == count;
  }

  // Read the state; returns its words, or -1 when the last does not come within `limit` clocks.
  int64_t get(uint32_t* words, uint64_t room, uint64_t limit) {
    const uint64_t end = clocks + limit;
    const uint32_t nothing = 0;
    if (!put(kRead, &nothing, 1, limit)) return -1;
    uint64_t count = 0;
    while (clocks < end) {
      top->m_ready = !stalls();
      settle();
      const bool taken = top->m_valid && top->m_ready, last = top->m_last;
      if (taken && count < room) words[count] = top->m_data;
      clock();
      count += taken;
      if (taken && last) {
        top->m_ready = 0;
        return count;
      }
    }
    return -1;
  }
};

}  // namespace

extern "C" {
void* kestrel_imu_new(int seed) { return new Imu(seed); }
void kestrel_imu_free(void* h) { delete static_cast<Imu*>(h); }
void kestrel_imu_reset(void* h) { static_cast<Imu*>(h)->reset(); }
void kestrel_imu_stall(void* h, uint32_t seed) { static_cast<Imu*>(h)->stall_seed = seed; }
uint64_t kestrel_imu_clocks(void* h) { return static_cast<Imu*>(h)->clocks; }
void kestrel_imu_run(void* h, uint64_t clocks) {
  while (clocks--) static_cast<Imu*>(h)->clock();
}
int kestrel_imu_put(void* h, int command, const uint32_t* words, uint64_t count, uint64_t limit) {
  return static_cast<Imu*>(h)->put(command, words, count, limit);
}
int64_t kestrel_imu_get(void* h, uint32_t* words, uint64_t room, uint64_t limit) {
  return static_cast<Imu*>(h)->get(words, room, limit);
}
}
