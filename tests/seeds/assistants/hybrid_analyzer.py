class HybridExcelAnalyzer:
    """Combines Code Interpreter with local execution"""
    
    def __init__(self, openai_client, local_kernel):
        self.openai = openai_client
        self.kernel = local_kernel
        self.assistant = self._create_assistant()
    
    def analyze_sensitive_data(self, file_path):
        """Use local execution for sensitive data"""
        # Local analysis for sensitive data
        result = self.kernel.execute(f"""
        import pandas as pd
        df = pd.read_excel('{file_path}')
        # Anonymize sensitive columns
        sensitive_cols = ['SSN', 'email', 'phone']
        for col in sensitive_cols:
            if col in df.columns:
                df[col] = 'REDACTED'
        df.to_excel('anonymized_data.xlsx')
        """)
        
        # Upload anonymized version to Code Interpreter
        with open('anonymized_data.xlsx', 'rb') as f:
            file = self.openai.files.create(file=f, purpose='assistants')
        
        # Perform analysis on anonymized data
        thread = self.openai.beta.threads.create()
        # ... continue with Code Interpreter analysis
