-- Has wrk print one line that a script can read.
done = function(summary, latency)
    local failed = summary.errors.status + summary.errors.connect + summary.errors.read
        + summary.errors.write + summary.errors.timeout
    local ms = function(hundredths) return latency:percentile(hundredths) / 1000 end
    print(string.format("figures %d %.2f %.2f %.2f %d", summary.requests / summary.duration * 1000000,
        ms(50), ms(95), ms(99), failed))
end
