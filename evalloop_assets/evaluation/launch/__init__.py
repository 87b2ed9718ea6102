"""What decides before a launch: report cards, results by slice, and a gate of numbers agreed beforehand."""
