export function formatSeconds(seconds: number): string {
  const whole = Math.round(seconds);
  if (seconds < 59.95) return `${seconds.toFixed(1)} s`;
  return whole < 3600
    ? `${Math.floor(whole / 60)} min ${whole % 60} s`
    : `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}
