class CostOptimizedAnalyzer:
    def __init__(self, client):
        self.client = client
        self.token_count = 0
        self.file_count = 0
    
    def estimate_cost(self, file_size_mb):
        """Estimate analysis cost"""
        # Rough estimates
        tokens_per_mb = 50000  # Approximate
        cost_per_1k_tokens = 0.03  # GPT-4 pricing
        
        estimated_tokens = file_size_mb * tokens_per_mb
        estimated_cost = (estimated_tokens / 1000) * cost_per_1k_tokens
        
        return {
            'estimated_tokens': estimated_tokens,
            'estimated_cost': estimated_cost,
            'recommendation': 'Consider local analysis' if estimated_cost > 10 else 'Proceed with API'
        }
    
    def analyze_with_budget(self, file_path, budget_usd=5.0):
        """Analyze with budget constraints"""
        file_size = os.path.getsize(file_path) / (1024 * 1024)  # MB
        estimate = self.estimate_cost(file_size)
        
        if estimate['estimated_cost'] > budget_usd:
            # Use sampling for large files
            return self._analyze_sample(file_path, budget_usd)
        else:
            return self._full_analysis(file_path)
