// A stand-in for LibTorch's CUDA half, for machines without a GPU: it has the name `libtorch_cuda.so` and is loaded as the real one is. Its device
// "cuda:0" computes on the CPU, but it keeps the rules that code for a GPU breaks unnoticed on a CPU:
//   - an operation whose tensors lie on two devices is an error;
//   - the device's memory cannot be read or written by the host: its addresses are reserved and never mapped;
//   - every copy between host and device is counted, since on a GPU each may wait for all work before it.
// When the process ends it appends a line of JSON with its counts to the file that STAND_IN_COUNTS names. What it does not show: a GPU's
// numbers, its speed, its limits.
#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/EmptyTensor.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <ATen/native/CPUFallback.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <sys/mman.h>
#include <torch/library.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>

namespace {
using at::IntArrayRef, at::MemoryFormat, at::Tensor;
constexpr auto CUDA = c10::DeviceType::CUDA;

// Counts.
std::atomic<long> operations{0}, to_device{0}, to_host{0};
thread_local bool inside = false;  // an operation's own copies are not the program's

struct AtExit {
    ~AtExit() {
        const char* path = std::getenv("STAND_IN_COUNTS");
        if (FILE* file = path ? std::fopen(path, "a") : nullptr) {
            std::fprintf(file, "{\"operations\": %ld, \"to_device\": %ld, \"to_host\": %ld}\n", operations.load(), to_device.load(), to_host.load());
            std::fclose(file);
        }
    }
} at_exit;

// Memory. An address of the device stands for a block of the host's, which is the context of the storage's pointer.
class Memory final : public c10::Allocator {
    static constexpr size_t SIZE = size_t{1} << 42;
    char* addresses = static_cast<char*>(mmap(nullptr, SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
    std::atomic<size_t> used{0};

  public:
    c10::DataPtr allocate(size_t bytes) override {
        TORCH_CHECK(addresses != MAP_FAILED, "no addresses for the stand-in's memory");
        // Never given out twice, so that a stale address is an error too.
        size_t at = used.fetch_add((bytes + 511) / 512 * 512);
        TORCH_CHECK(at + bytes <= SIZE, "the stand-in's addresses are used up");
        return {bytes ? addresses + at : nullptr, std::malloc(bytes ? bytes : 1), std::free, c10::Device(CUDA, 0)};
    }
    void copy_data(void*, const void*, size_t) const override { TORCH_CHECK(false, "not by the host"); }
} memory;

/// The same tensor as the host sees it.
Tensor host(const Tensor& tensor) {
    if (!tensor.is_cuda()) return tensor;
    auto* start = static_cast<char*>(tensor.storage().data_ptr().get_context());
    auto* first = start + tensor.storage_offset() * tensor.itemsize();
    return at::from_blob(first, tensor.sizes(), tensor.strides(), tensor.options().device(at::kCPU));
}

// The operations that a device must have; views are LibTorch's own, since they touch no memory.
c10::ScalarType kind(std::optional<c10::ScalarType> type) { return c10::dtype_or_default(type); }

Tensor empty(IntArrayRef size, std::optional<c10::ScalarType> type, std::optional<c10::Layout>, std::optional<c10::Device>,
             std::optional<bool>, std::optional<MemoryFormat> format) {
    return at::detail::empty_generic(size, &memory, c10::DispatchKeySet(c10::DispatchKey::CUDA), kind(type), format);
}

Tensor empty_strided(IntArrayRef size, IntArrayRef stride, std::optional<c10::ScalarType> type, std::optional<c10::Layout>,
                     std::optional<c10::Device>, std::optional<bool>) {
    return at::detail::empty_strided_generic(size, stride, &memory, c10::DispatchKeySet(c10::DispatchKey::CUDA), kind(type));
}

const Tensor& resize_(const Tensor& self, IntArrayRef size, std::optional<MemoryFormat>) {
    const auto storage = self.storage();
    const size_t bytes = c10::multiply_integers(size) * self.itemsize() + self.storage_offset() * self.itemsize();
    if (bytes > storage.nbytes()) {
        auto fresh = memory.allocate(bytes);
        std::memcpy(fresh.get_context(), storage.data_ptr().get_context(), storage.nbytes());
        storage.set_data_ptr_noswap(std::move(fresh));
        storage.set_nbytes(bytes);
    }
    self.unsafeGetTensorImpl()->set_sizes_contiguous(size);
    return self;
}

Tensor& copy_(Tensor& self, const Tensor& source, bool) {
    if (!inside && self.device() != source.device()) ++(self.is_cuda() ? to_device : to_host);
    host(self).copy_(host(source));
    return self;
}

Tensor copy_from_and_resize(const Tensor& self, const Tensor& target) {
    at::native::resize_(target, self.sizes(), std::nullopt);
    return target.copy_(self);
}

at::Scalar local_scalar(const Tensor& self) {
    if (!inside) ++to_host;
    return host(self).item();
}

/// Anything else: on the CPU, once the operands are seen to lie on one device. A number (a CPU tensor of no dimensions) may stand anywhere.
void anything(const c10::OperatorHandle& op, torch::jit::Stack* stack) {
    const auto check = [&](const Tensor& tensor) {
        const bool here = !tensor.defined() || tensor.is_cuda() || tensor.dim() == 0;
        TORCH_CHECK(here || inside, "Expected all tensors to be on the same device, but ", op.schema().name(), " has one on the CPU");
    };
    for (const auto& argument : torch::jit::last(*stack, op.schema().arguments().size())) {
        if (argument.isTensor()) check(argument.toTensor());
        if (argument.isTensorList()) for (const Tensor& tensor : argument.toTensorList()) check(tensor);
        if (argument.isOptionalTensorList())
            for (const std::optional<Tensor>& tensor : argument.toOptionalTensorList()) if (tensor) check(*tensor);
    }
    ++operations;
    const bool outermost = !std::exchange(inside, true);
    struct Leave { bool outermost; ~Leave() { if (outermost) inside = false; } } leave{outermost};
    at::native::cpu_fallback(op, stack, /*error_on_views=*/true);
}

TORCH_LIBRARY_IMPL(_, CUDA, m) { m.fallback(torch::CppFunction::makeFromBoxedFunction<&anything>()); }

TORCH_LIBRARY_IMPL(aten, CUDA, m) {
    m.impl("empty.memory_format", empty);
    m.impl("empty_strided", empty_strided);
    m.impl("resize_", resize_);
    m.impl("copy_", copy_);
    m.impl("_copy_from_and_resize", copy_from_and_resize);
    m.impl("_local_scalar_dense", local_scalar);
    m.impl("as_strided", at::native::as_strided_tensorimpl);
    m.impl("view", at::native::view);
    m.impl("_reshape_alias", at::native::_reshape_alias);
    m.impl("unfold", at::native::unfold);
    // LibTorch has its own for all devices, which choose kernels that only the real CUDA has.
    m.impl("convolution", torch::CppFunction::makeFromBoxedFunction<&anything>());
    m.impl("convolution_backward", torch::CppFunction::makeFromBoxedFunction<&anything>());
}

// One device with one stream, whose work is always done.
struct Guard final : c10::impl::DeviceGuardImplInterface {
    static c10::Device device() { return {CUDA, 0}; }
    static c10::Stream stream() { return c10::Stream(c10::Stream::DEFAULT, device()); }
    c10::DeviceType type() const override { return CUDA; }
    c10::Device exchangeDevice(c10::Device) const override { return device(); }
    c10::Device getDevice() const override { return device(); }
    void setDevice(c10::Device) const override {}
    void uncheckedSetDevice(c10::Device) const noexcept override {}
    c10::Stream getStream(c10::Device) const override { return stream(); }
    c10::Stream getDefaultStream(c10::Device) const override { return stream(); }
    c10::Stream exchangeStream(c10::Stream) const override { return stream(); }
    void record(void**, const c10::Stream&, c10::DeviceIndex, c10::EventFlag) const override {}
    void block(void*, const c10::Stream&) const override {}
    bool queryEvent(void*) const override { return true; }
    c10::DeviceIndex deviceCount() const noexcept override { return 1; }
};
C10_REGISTER_GUARD_IMPL(CUDA, Guard)
}  // namespace

namespace at {
struct CUDAHooks final : CUDAHooksInterface {
    explicit CUDAHooks(CUDAHooksArgs) {}
    void init() const override {}
    bool isBuilt() const override { return true; }
    bool isAvailable() const override { return true; }
    bool hasCUDA() const override { return true; }
    bool hasPrimaryContext(DeviceIndex) const override { return true; }
    DeviceIndex deviceCount() const override { return 1; }
    int getNumGPUs() const override { return 1; }
    DeviceIndex current_device() const override { return 0; }
    DeviceIndex getCurrentDevice() const override { return 0; }
    const Generator& getDefaultGenerator(DeviceIndex) const override { return detail::getDefaultCPUGenerator(); }
};
REGISTER_CUDA_HOOKS(CUDAHooks)
}  // namespace at
