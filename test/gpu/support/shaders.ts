/** Sees each shader module's source before the driver does, from now on, and may change it. */
export function interceptShaders(change: (code: string) => string): void {
  const { createShaderModule } = GPUDevice.prototype;
  GPUDevice.prototype.createShaderModule = function (descriptor) {
    return createShaderModule.call(this, { ...descriptor, code: change(descriptor.code) });
  };
}

/** FlashAttention's sums of scores (onnxruntime-web 1.30, devices with subgroups), mended. */
export const MENDED_SCORES = /(var qk_[1-4] : vec4<qk_precision>) = vec4<qk_precision>\(\);/g;
