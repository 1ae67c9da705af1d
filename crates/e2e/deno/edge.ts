// Runs an Edge Function as Supabase does: what is handed to `EdgeRuntime.waitUntil` is waited for, and said.
Object.defineProperty(globalThis, "EdgeRuntime", {
  value: {
    waitUntil(work: Promise<unknown>) {
      console.log("answered, at work");
      work.then(() => console.log("done"));
    },
  },
});
await import(Deno.args[0]);
